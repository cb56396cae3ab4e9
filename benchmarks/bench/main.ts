/**
 * `npm run bench`: plays every scenario on every subject. It writes benchmarks/results/bench.json,
 * benchmarks/bench.md and the pictures in benchmarks/results. `--help` tells the options.
 */
import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { findProgram } from '../../scripts/find-program.mjs';
import { comparison } from './against.js';
import { BENCH_NAME } from './names.js';
import { readNodes } from './nodes.js';
import { renderTable } from './render.js';
import type { Results } from './results.js';
import { runAll } from './run.js';
import { SCENARIOS } from './scenarios.js';
import { checkMachine, renderStored, store, stored } from './store.js';

const args = process.argv.slice(2);
const { values } = parseArgs({
  args,
  options: {
    help: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    subject: { type: 'string' },
    update: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    against: { type: 'string' },
    nodes: { type: 'string' },
    machine: { type: 'string' },
    render: { type: 'boolean', default: false },
  },
});

const USAGE = `npm run bench -- [options]

  --quick            a short run of four minutes
  --only NAMES       only these scenarios: ${SCENARIOS.map(({ name }) => name).join(', ')}
  --subject PARTS    only the subjects whose names contain a part
  --rounds N         in place of each scenario's own number of rounds
  --nodes URLS       your own servers, as redis://a:6379,redis://b:6379. The benchmark writes keys that
                     contain "${BENCH_NAME}", removes these, and nothing else; it stops and flushes no
                     server, so it leaves out the scenarios that do
  --against DIR      measures quorlock as the checkout in DIR has it, too
  --update           with --only: writes the results in the place of those scenarios' earlier ones
  --machine NAME     stores the results beside those of the first machine, which stay: the page shows what
                     each machine reached
  --render           makes the table and the pictures again, from the stored results

The results are written only by a run of all scenarios and subjects on servers of its own, and with --update;
else they are printed. Lists are separated by commas.`;

if (values.help) {
  console.log(USAGE);
} else if (values.render) {
  renderStored();
} else {
  const machine = values.machine === undefined ? undefined : checkMachine(values.machine);
  const wanted = values.only?.split(',');
  const unknown = wanted?.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name)) ?? [];
  if (unknown.length > 0) throw new RangeError(`there is no scenario ${unknown.join(', ')}`);
  const scenarios = SCENARIOS.filter(({ name }) => wanted?.includes(name) ?? true);
  const before = wanted && values.update ? stored(machine) : undefined;
  const nodes = values.nodes === undefined ? undefined : readNodes(values.nodes);
  if (nodes !== undefined && values.update)
    throw new RangeError('--update stores results of own servers only: leave --nodes out');
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
    ...(nodes === undefined ? {} : { nodes }),
    say: console.error,
  });
  const names = SCENARIOS.map(({ name }) => name);
  const kept = before?.rows.filter(({ scenario }) => !scenarios.some(({ name }) => name === scenario)) ?? [];
  const results: Results = {
    madeWith: [
      ...new Set([
        ...(before?.madeWith ?? []),
        ['npm run bench', ...(args.length > 0 ? ['--', ...args.map(withoutLogins)] : [])].join(' '),
      ]),
    ],
    ...(machine === undefined ? {} : { machine }),
    at: new Date().toISOString().slice(0, 10),
    node: process.version,
    ...(nodes === undefined ? {} : { given: nodes.length }),
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
  } else if ((wanted && !values.update) || values.subject !== undefined || nodes !== undefined) {
    console.log(renderTable(results));
  } else {
    store(results);
    renderStored();
  }
}

/** An argument as a page may show it: urls may hold passwords. */
function withoutLogins(argument: string): string {
  return argument.replaceAll(/(rediss?:\/\/)[^/@,]*@/g, '$1');
}
