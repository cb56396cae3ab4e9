/**
 * `npm run peers`: plays every scenario on every library. It writes benchmarks/results/peers.json and
 * benchmarks/peers.md. Options:
 *
 * - `--runs R`: the number of runs, by default 3.
 * - `--only id,id`, `--library name,name`: only a part; the results are printed and not written.
 * - `--update`: with a part, writes the results in place of its earlier ones.
 * - `--render`: only makes the table again, from the stored results.
 * - `--check`: only checks that the table is what the stored results give.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { findProgram } from '../../scripts/find-program.mjs';
import { canStepClocks } from '../../test/faults/harness/nodes.js';
import { randomOf } from '../../test/faults/harness/random.js';
import { SCENARIOS, type Scenario } from './scenarios.js';
import { Stage } from './stage.js';
import { SUBJECTS, type Subject } from './subjects.js';
import { render, type Play, type Results } from './table.js';

const resultsFile = new URL('../results/peers.json', import.meta.url);
const tableFile = new URL('../peers.md', import.meta.url);
/** Most of a scenario is waiting. With more at once, the machine would be the limit. */
const AT_ONCE = 3;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '3' },
    only: { type: 'string' },
    library: { type: 'string' },
    update: { type: 'boolean', default: false },
    render: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
  },
});

if (values.check) {
  if (readFileSync(tableFile, 'utf8') !== render(stored())) {
    console.error(
      'benchmarks/peers.md is not what benchmarks/results/peers.json says; run `npm run peers -- --render`',
    );
    process.exitCode = 1;
  }
} else if (values.render) {
  writeFileSync(tableFile, render(stored()));
} else {
  const scenarios = chosen(SCENARIOS, 'id', values.only);
  const subjects = chosen(SUBJECTS, 'name', values.library);
  const plays = await playAll(Number(values.runs), scenarios, subjects);
  const isPart = values.only !== undefined || values.library !== undefined;
  const results: Results = {
    madeWith: [...(isPart && values.update ? [stored().madeWith] : []), `npm run peers${given()}`].join(
      '`, then `',
    ),
    at: new Date().toISOString().slice(0, 10),
    node: process.version,
    redis:
      /v=(\S+)/.exec(
        execFileSync(findProgram('redis-server') ?? '', ['--version'], { encoding: 'utf8' }),
      )?.[1] ?? 'unknown',
    cpus: cpus().length,
    plays: (isPart && values.update
      ? [...stored().plays.filter((one) => !isReplaced(one, plays)), ...plays]
      : plays
    ).sort((a, b) => place(a).localeCompare(place(b))),
  };
  if (isPart && !values.update) console.log(render(results));
  else {
    writeFileSync(resultsFile, `${JSON.stringify(results, undefined, 1)}\n`);
    writeFileSync(tableFile, render(results));
  }
}

/** The command that was called. */
function given(): string {
  const args = process.argv.slice(2);
  return args.length > 0 ? ` -- ${args.join(' ')}` : '';
}

function isReplaced({ scenario, library, setting }: Play, plays: readonly Play[]): boolean {
  return plays.some((one) => one.scenario === scenario && one.library === library && one.setting === setting);
}

/** The order of the table. */
function place({ scenario, library, setting, run }: Play): string {
  return [
    SCENARIOS.findIndex(({ id }) => id === scenario) + 10,
    SUBJECTS.findIndex((subject) => subject.name === library && subject.setting === setting) + 10,
    run + 10,
  ].join(' ');
}

function stored(): Results {
  return JSON.parse(readFileSync(resultsFile, 'utf8')) as Results;
}

function chosen<K extends string, T extends Readonly<Record<K, string>>>(
  all: readonly T[],
  key: K,
  names: string | undefined,
): readonly T[] {
  if (names === undefined) return all;
  const wanted = names.split(',');
  const unknown = wanted.filter((name) => !all.some((one) => one[key] === name));
  if (unknown.length > 0) throw new RangeError(`there is no ${unknown.join(', ')}`);
  return all.filter((one) => wanted.includes(one[key]));
}

/** Shuffles the plays, so that no library always runs when the machine is busiest. */
async function playAll(
  runs: number,
  scenarios: readonly Scenario[],
  subjects: readonly Subject[],
): Promise<Play[]> {
  const playable = scenarios.filter((scenario) => canStepClocks || !scenario.needsClockSteps);
  for (const { id } of scenarios.filter((scenario) => !playable.includes(scenario))) {
    console.log(`WARNING: without libfaketime and libtcmalloc_minimal there is no ${id}.`);
  }
  const random = randomOf(1);
  const queue = Array.from({ length: runs }, (_, run) =>
    playable
      .flatMap((scenario) => subjects.map((subject) => ({ scenario, subject, run, order: random() })))
      .sort((a, b) => a.order - b.order),
  ).flat();
  const plays: Play[] = [];
  const total = queue.length;
  const playNext = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const { scenario, subject, run } = next;
      const figures = await play(scenario, subject);
      plays.push({ scenario: scenario.id, library: subject.name, setting: subject.setting, run, figures });
      const told = scenario.tells.map((figure) => `${figure}=${figures[figure]}`).join(' ');
      console.log(`${plays.length}/${total} ${scenario.id} · ${subject.name} (${subject.setting}): ${told}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, playNext));
  return plays;
}

async function play(scenario: Scenario, subject: Subject) {
  const { nodes, workers, tickMs } = scenario;
  const stage = new Stage({
    subject,
    nodes,
    workers,
    maxTtlMs: 10_000,
    ...(tickMs === undefined ? {} : { tickMs }),
  });
  try {
    await stage.open();
    await scenario.play(stage);
    return stage.figures();
  } finally {
    await stage.close();
  }
}
