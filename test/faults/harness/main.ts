/**
 * `npm run faults -- --minutes M [--seed S] [--nodes N] [--workers W] [--client C]`: runs a random schedule
 * of faults over real processes. C is the client library that the nodes are given by, such as `node-redis-6`;
 * by default they are given as options.
 *
 * `--postgres`: the last of the nodes is a PostgreSQL database; with `--nodes 1` it is the only one.
 * `--fallback`: there is a database besides, as the fallback, and the nodes are killed together.
 *
 * `npm run faults -- --quarantines`: restarts a node with leases of different lengths out instead, and prints
 * for how long it has no vote.
 *
 * `npm run faults -- --runs --minutes M [--seed S] [--workers W]`: kills workers in the middle of scheduled
 * runs instead, and checks what became of every tick.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { clientLibrary } from '../../support/client-libraries.js';
import { figuresOf, runJobs } from './jobs.js';
import { canStepClocks } from './nodes.js';
import { measureQuarantines } from './quarantines.js';
import { report } from './report.js';
import { runFaults } from './run.js';
import { randomSchedule } from './schedule.js';

function options() {
  try {
    const { values } = parseArgs({
      options: {
        minutes: { type: 'string', default: '1' },
        seed: { type: 'string', default: String(Date.now() % 1_000_000) },
        nodes: { type: 'string', default: '5' },
        workers: { type: 'string', default: '4' },
        quarantines: { type: 'boolean', default: false },
        runs: { type: 'boolean', default: false },
        client: { type: 'string' },
        postgres: { type: 'boolean', default: false },
        fallback: { type: 'boolean', default: false },
      },
    });
    const minutes = Number(values.minutes);
    if (!(minutes > 0)) throw new RangeError(`--minutes must be a positive number, got ${values.minutes}`);
    return {
      minutes,
      quarantines: values.quarantines,
      runs: values.runs,
      client: values.client === undefined ? undefined : clientLibrary(values.client).name,
      seed: integer('seed', values.seed, 0),
      nodes: integer('nodes', values.nodes, values.postgres ? 1 : 3),
      postgres: values.postgres,
      fallback: values.fallback,
      workers: integer('workers', values.workers, 1),
    };
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(2);
  }
}

function integer(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least) {
    throw new RangeError(`--${name} must be an integer from ${least}, got ${text}`);
  }
  return value;
}

// An exit of this process also ends all processes that it started.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

const { minutes, seed, nodes, workers, quarantines, runs, client, postgres, fallback } = options();
if (quarantines) {
  await measureQuarantines((line) => console.log(line));
  process.exit(0);
}
if (runs) {
  const say = (line: string): void => console.log(line);
  const end = performance.now() + minutes * 60_000;
  const checked = await runJobs({ seed, workers, say, isEnough: () => performance.now() >= end });
  for (const finding of checked.findings.slice(0, 20)) say(finding);
  say(figuresOf(checked));
  process.exit(checked.findings.length === 0 && checked.kills > 0 ? 0 : 1);
}
const maxTtlMs = 6_000;
/** Leases with short TTLs are lost often. Long TTLs show keys that were left behind. */
const RESOURCES = [
  { name: 'shortest', ttlMs: 300 },
  { name: 'short', ttlMs: 800 },
  { name: 'middle', ttlMs: 2_000 },
  { name: 'long', ttlMs: 6_000 },
];
/** The workers run for this long after the last fault, so that keys left behind can be seen. */
const CALM_SECONDS = 8;

console.log(
  `seed ${seed}: repeat with npm run faults -- ` +
    `--minutes ${minutes} --seed ${seed} --nodes ${nodes} --workers ${workers}` +
    (client === undefined ? '' : ` --client ${client}`) +
    (postgres ? ' --postgres' : '') +
    (fallback ? ' --fallback' : ''),
);
if (!canStepClocks) {
  console.log(
    'WARNING: libfaketime or libtcmalloc_minimal is missing (Debian: faketime, libtcmalloc-minimal4):',
  );
  console.log('WARNING: this run does not step clocks.');
}
const seconds = minutes * 60;
// One node more than the list has at first: it is added, and then another one is taken away, and so on. Or
// the list stays as it is: with a fallback, or with one node.
const listChanges = !fallback && nodes > 1;
const databases = postgres ? [nodes - 1] : [];
const terms = {
  seed,
  seconds,
  nodes: listChanges || fallback ? nodes + 1 : nodes,
  workers,
  maxTtlMs,
  listChanges,
};
const ofDatabases = {
  databases: fallback ? [...databases, nodes] : databases,
  keepData: nodes === 1 ? databases : [],
  // Who reaches the nodes and not the database may be granted what is held there: that is not promised.
  spared: fallback ? [nodes] : [],
  killedTogether: fallback ? Array.from({ length: nodes }, (_, node) => node) : [],
};
const result = await runFaults({
  ...terms,
  seconds: seconds + CALM_SECONDS,
  faults: randomSchedule({ ...terms, ...ofDatabases, dataLoss: true, clockSteps: canStepClocks }),
  databases,
  hasFallback: fallback,
  resources: RESOURCES,
  say: (line) => console.log(line),
  ...(client === undefined ? {} : { client }),
});
if (Object.values(result.findings).some(({ length }) => length > 0)) {
  const directory = new URL('../../../.cache/', import.meta.url);
  mkdirSync(directory, { recursive: true });
  const file = new URL(`faults-${seed}.jsonl`, directory);
  const lines = result.records.map((record) =>
    JSON.stringify({ ...record, at: record.at - result.startedAt }),
  );
  writeFileSync(file, `${lines.join('\n')}\n`);
  console.log(`all records of the run: ${fileURLToPath(file)}`);
}
// Not the exit code alone: a connection that a killed server left half open may keep this process.
process.exit(report(result, (line) => console.log(line)) ? 0 : 1);
