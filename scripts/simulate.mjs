/**
 * Simulates seeded worlds in virtual time and prints what went wrong in which of them. It uses as many
 * processes as there are cores, at most eight.
 *
 *   npm run simulate -- [--seeds N] [--seed S] [--clusters] [--beyond] [--seconds S] [--trace] [--workers W]
 *
 * `--seed` is the first seed; without it the first is random. `--clusters` makes a Redis Cluster of a node or
 * two in every world; otherwise it is so in a quarter of the worlds from seed 1,000,000,000 on. `--beyond`
 * lets more go wrong than the library promises to survive. `--trace` prints all that happens in a single
 * world.
 */
import { fork } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** @typedef {import('../test/simulation/simulate.js').Outcome} Outcome */

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    seed: { type: 'string' },
    seconds: { type: 'string' },
    workers: { type: 'string' },
    clusters: { type: 'boolean' },
    beyond: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
  },
});
const count = number('seeds', values.trace ? 1 : 1_000);
const first = number('seed', randomInt(1, 2 ** 31));
const durationMs = number('seconds', 60) * 1_000;
const workers = Math.min(count, number('workers', Math.min(8, availableParallelism())));
const { beyond, trace, clusters } = values;

/** This must hold even beyond the promise: no later step undoes a stale write that was accepted. */
const ALWAYS = 'no stale write accepted';

const totals = {
  worlds: 0,
  events: 0,
  grants: 0,
  ticksDue: 0,
  retries: 0,
  writesAccepted: 0,
  writesRefused: 0,
};
/** @type {Map<string, number[]>} */
const broken = new Map();
const startedAt = performance.now();
console.log(
  `simulate: seeds ${first} to ${first + count - 1}, ${durationMs / 1_000} s each` +
    `${clusters ? ', with Clusters' : ''}${beyond ? ', beyond the promise' : ''}, ${workers} processes`,
);
await Promise.all(Array.from({ length: workers }, (_, worker) => run(worker)));
report();

/**
 * @param {'seeds' | 'seed' | 'seconds' | 'workers'} option
 * @param {number} otherwise
 */
function number(option, otherwise) {
  const value = Number(values[option] ?? otherwise);
  if (Number.isInteger(value) && value >= 1) return value;
  console.error(`--${option} must be a positive integer, got ${values[option]}`);
  process.exit(2);
}

/** @param {number} worker */
function run(worker) {
  const seeds = Array.from({ length: count }, (_, index) => first + index).filter(
    (_, index) => index % workers === worker,
  );
  const child = fork(fileURLToPath(new URL('../test/simulation/worker.ts', import.meta.url)), {
    execArgv: ['--import', new URL('./ts-loader.mjs', import.meta.url).href],
  });
  child.on('message', (message) => {
    const answer = /** @type {import('../test/simulation/worker.js').Answer} */ (message);
    if ('failure' in answer) {
      console.error(answer.failure);
      process.exit(1);
    }
    onOutcome(answer);
  });
  child.send({ seeds, options: { beyond, clusters, durationMs, trace } });
  // The channel closes when the last answer has been read. That may be after the process has ended.
  const read = new Promise((resolve) => child.once('disconnect', resolve));
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (code === 0) resolve(undefined);
      else reject(new Error(`a simulating process ended with ${signal ?? code}`));
    });
  });
  return Promise.all([read, ended]);
}

/** @param {Outcome} outcome */
function onOutcome(outcome) {
  totals.worlds++;
  for (const key of /** @type {const} */ ([
    'events',
    'grants',
    'ticksDue',
    'retries',
    'writesAccepted',
    'writesRefused',
  ]))
    totals[key] += outcome[key];
  for (const line of outcome.trace) console.log(line);
  const kinds = new Set(outcome.violations.map(({ invariant }) => invariant));
  for (const kind of kinds) broken.set(kind, [...(broken.get(kind) ?? []), outcome.seed]);
  for (const { invariant, at, detail } of outcome.violations.slice(0, 5)) {
    if (!beyond || invariant === ALWAYS || trace)
      console.log(`seed ${outcome.seed}: ${invariant}, at ${at.toFixed(1)} ms: ${detail}`);
  }
  if (trace) console.log(`hash ${outcome.hash}`);
}

function report() {
  const seconds = (performance.now() - startedAt) / 1_000;
  for (const [invariant, seeds] of broken) {
    const some = `${seeds.slice(0, 10).join(' ')}${seeds.length > 10 ? ' ...' : ''}`;
    console.log(`broken in ${seeds.length} of ${count} worlds: ${invariant} (seeds ${some})`);
  }
  const overlaps = broken.get('one holder')?.length ?? 0;
  const staleWrites = broken.get(ALWAYS)?.length ?? 0;
  const others = [...broken.keys()].filter((invariant) => invariant !== ALWAYS).length;
  console.log(`${seconds.toFixed(1)} s, ${((60 * count) / seconds).toFixed(0)} worlds a minute`);
  console.log(
    `simulate: seeds=${count} events=${totals.events} grants=${totals.grants} ticks=${totals.ticksDue} ` +
      `retries=${totals.retries} writes=${totals.writesAccepted} refused=${totals.writesRefused} ` +
      `overlapping_worlds=${overlaps} stale_worlds=${staleWrites} broken=${broken.size}`,
  );
  const bad = beyond ? staleWrites : others + staleWrites;
  if (bad > 0) {
    process.exitCode = 1;
    console.log(
      'To see one again: npm run simulate -- --seed N --seeds 1' +
        `${clusters ? ' --clusters' : ''}${beyond ? ' --beyond' : ''} --trace`,
    );
  }
}
