/**
 * `npm run bench`: plays every scenario on every subject. It writes benchmarks/results/bench.json,
 * benchmarks/bench.md and the pictures in benchmarks/results. Options:
 *
 * - `--quick`: a short run of two minutes.
 * - `--only name,name`: only these scenarios; the results are printed and not written.
 * - `--subject part,part`: only the subjects whose names contain a part; the results are printed and not
 *   written.
 * - `--update`: with `--only`, writes the results in place of those scenarios' earlier ones.
 * - `--rounds N`: instead of each scenario's own number of rounds.
 * - `--against DIR`: measures quorlock as the checkout in DIR has it, too, as one more subject; the results
 *   are printed and not written.
 * - `--render`: only makes the table and the pictures again, from the stored results.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { findProgram } from '../../scripts/find-program.mjs';
import { comparison } from './against.js';
import { renderPictures } from './pictures.js';
import { renderTable } from './render.js';
import type { Results } from './results.js';
import { runAll } from './run.js';
import { SCENARIOS } from './scenarios.js';

const resultsFile = new URL('../results/bench.json', import.meta.url);

const args = process.argv.slice(2);
const { values } = parseArgs({
  args,
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    subject: { type: 'string' },
    update: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    against: { type: 'string' },
    render: { type: 'boolean', default: false },
  },
});

if (values.render) {
  writeRendered(stored());
} else {
  const wanted = values.only?.split(',');
  const unknown = wanted?.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name)) ?? [];
  if (unknown.length > 0) throw new RangeError(`there is no scenario ${unknown.join(', ')}`);
  const scenarios = SCENARIOS.filter(({ name }) => wanted?.includes(name) ?? true);
  const before = wanted && values.update ? stored() : undefined;
  const rows = await runAll(scenarios, {
    isQuick: values.quick,
    isWanted: ({ name }) => values.subject?.split(',').some((part) => name.includes(part)) ?? true,
    ...(values.rounds === undefined ? {} : { rounds: Number(values.rounds) }),
    builds: {
      quorlock: new URL('../../dist/esm/index.js', import.meta.url).href,
      ...(values.against === undefined
        ? {}
        : { other: pathToFileURL(resolve(values.against, 'dist/esm/index.js')).href }),
    },
    say: console.error,
  });
  const names = SCENARIOS.map(({ name }) => name);
  const kept = before?.rows.filter(({ scenario }) => !scenarios.some(({ name }) => name === scenario)) ?? [];
  const results: Results = {
    madeWith: [
      ...new Set([
        ...(before?.madeWith ?? []),
        ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' '),
      ]),
    ],
    at: new Date().toISOString().slice(0, 10),
    node: process.version,
    redis:
      /v=(\S+)/.exec(
        execFileSync(findProgram('redis-server') ?? '', ['--version'], { encoding: 'utf8' }),
      )?.[1] ?? 'unknown',
    cpus: cpus().length,
    cpu: cpus()[0]?.model ?? 'unknown',
    rows: [...kept, ...rows].sort((a, b) => names.indexOf(a.scenario) - names.indexOf(b.scenario)),
  };
  if (values.against !== undefined) {
    console.log(`${renderTable(results)}\n${comparison(rows)}`);
  } else if ((wanted && !values.update) || values.subject !== undefined) {
    console.log(renderTable(results));
  } else {
    const lines = results.rows.map((row) => JSON.stringify({ ...row, figures: rounded(row.figures) }));
    const { rows: _, ...head } = results;
    const start = JSON.stringify(head, undefined, 1).slice(0, -2);
    const text = `${start},\n "rows": [\n  ${lines.join(',\n  ')}\n ]\n}\n`;
    writeFileSync(resultsFile, text);
    writeRendered(stored());
  }
}

/** Rounds to four digits, which is more than any figure is exact to. */
function rounded(figures: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(figures).map(([name, value]) => [name, Number(value.toPrecision(5))]),
  );
}

function stored(): Results {
  return JSON.parse(readFileSync(resultsFile, 'utf8')) as Results;
}

function writeRendered(results: Results): void {
  writeFileSync(new URL('../bench.md', import.meta.url), renderTable(results));
  for (const [file, svg] of renderPictures(results)) {
    writeFileSync(new URL(`../results/${file}`, import.meta.url), svg);
  }
}
