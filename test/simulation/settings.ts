import type { Latency } from './network.js';
import { Rng } from './rng.js';

/** What can go wrong inside the promise, with no need for trust in nodes. */
const PLAIN_FAULTS = [
  'node stop',
  'node crash',
  'script flush',
  'link block',
  'link reset',
  'link slow',
  'process stop',
  'process suspend',
  'process crash',
  'process close',
  'wall step',
] as const;

/** What makes a node lose its keys before their time: inside the promise as long as it is a minority at a time. */
const LOSSES = ['data lost', 'data stale', 'data flushed', 'node clock step'] as const;

const NOT_DURABLE: readonly string[] = ['data lost', 'data stale'];
const DATA_LOSSES: readonly string[] = [...NOT_DURABLE, 'data flushed'];

/** What nothing can save from, the fencing token apart. */
const DISASTERS = ['majority flushed', 'all flushed'] as const;

export type Fault = (typeof PLAIN_FAULTS)[number] | (typeof LOSSES)[number] | (typeof DISASTERS)[number];

export interface Settings {
  readonly seed: number;
  /** Whether more may go wrong than the library promises to survive. */
  readonly beyond: boolean;
  readonly nodes: number;
  /** Whether the operator says that the nodes keep their data through a restart. */
  readonly durable: boolean;
  readonly clients: number;
  /** How many workers a client has, and whether all of them wait for what is held, and hold it shortly. */
  readonly workers: readonly [least: number, most: number];
  readonly patient: boolean;
  readonly resources: readonly string[];
  readonly cronResources: readonly string[];
  readonly cronPeriodMs: number;
  readonly durationMs: number;
  readonly driftFactor: number;
  readonly maxTtlMs: number;
  readonly ttlsMs: readonly number[];
  /** Mean pause of a worker between two locks. */
  readonly idleMs: number;
  readonly latency: Latency;
  readonly faults: readonly Fault[];
  /** Mean time between two faults in a storm. */
  readonly stormMs: number;
  readonly longestFaultMs: number;
  /** How much faster than true time the clocks of nodes go at most; `undefined`: within the drift factor. */
  readonly fastNodes: number | undefined;
  readonly restartQuarantine: 'auto' | 'off';
  /** How far apart the workers' wall clocks are. */
  readonly wallSkewMs: number;
  readonly nodeSkewMs: number;
  /**
   * The furthest that the wall clock of a worker is ever off. A tick is on record with a majority of nodes; where nodes lose
   * what they have on record, one after the other, the same tick must not come up again much later.
   */
  readonly wallStepMs: number;
}

const DURATION_MS = 60_000;

/**
 * Pairs that together are beyond the promise, because each takes away what saves from the other:
 *
 * - A suspended machine is seen by its wall clock. If that is set back by as much at the same time, nothing tells.
 * - Where the counters of a majority are lost, one after the other, tokens go on from the nodes' clocks. If those were
 *   stepped as well, nothing is left to go on from.
 */
const CONFLICTS: readonly (readonly [readonly Fault[], readonly Fault[]])[] = [
  [['process suspend'], ['wall step']],
  [['node clock step'], ['data lost', 'data stale', 'data flushed']],
];

function withoutConflicts(faults: readonly Fault[], rng: Rng): readonly Fault[] {
  return CONFLICTS.reduce((left, [one, other]) => {
    const clash = left.some((fault) => one.includes(fault)) && left.some((fault) => other.includes(fault));
    const out = rng.chance(0.5) ? one : other;
    return clash ? left.filter((fault) => !out.includes(fault)) : left;
  }, faults);
}

/**
 * The world of a seed. Every seed has its own subset of faults: a world in which everything goes wrong at once never gets
 * into the states that need one thing to go wrong for long.
 */
export function settingsOf(seed: number, beyond: boolean, durationMs = DURATION_MS): Settings {
  const rng = new Rng(seed);
  const nodes = rng.pick([3, 3, 3, 3, 3, 5, 5, 5, 4, 2, 1]);
  const possible: Fault[] = [...PLAIN_FAULTS];
  const durable = rng.chance(0.3);
  // A server that keeps its data, by the word of its operator, does keep it.
  if (nodes >= 3) possible.push(...LOSSES.filter((fault) => !durable || !NOT_DURABLE.includes(fault)));
  const share = rng.pick([0.2, 0.4, 0.7]);
  if (beyond) possible.push(...DISASTERS);
  const drawn = possible.filter(() => rng.chance(share));
  const faults = beyond ? drawn : withoutConflicts(drawn, rng);
  const maxTtlMs = 2_000;
  const least = rng.pick([0.05, 0.3, 3]);
  return {
    seed,
    beyond,
    nodes,
    durable,
    clients: rng.int(2, 4),
    workers: [1, 2],
    patient: false,
    resources: ['a', 'b', 'c'].slice(0, rng.int(1, 3)),
    cronResources: ['cron-1', 'cron-2'].slice(0, rng.int(1, 2)),
    cronPeriodMs: rng.pick([2_000, 3_000, 5_000]),
    durationMs,
    // Where machines sleep, nobody sets their wall clocks right: then they must not drift far.
    driftFactor: faults.includes('process suspend') ? 0.01 : rng.pick([0.01, 0.01, 0.05]),
    maxTtlMs,
    ttlsMs: rng.pick([
      [150, 400],
      [300, 1_000],
      [200, 600, 2_000],
    ]),
    idleMs: rng.pick([200, 600, 1_500]),
    latency: {
      leastMs: least,
      meanJitterMs: least * rng.pick([0.2, 1, 3]),
      resendChance: rng.pick([0, 0, 0.002, 0.02]),
    },
    faults,
    stormMs: rng.pick([100, 250, 600]),
    longestFaultMs: 4_000,
    fastNodes: undefined,
    restartQuarantine: 'auto',
    wallSkewMs: rng.pick([2, 20, 150]),
    nodeSkewMs: rng.pick([0, 5, 200]),
    wallStepMs: faults.some((fault) => DATA_LOSSES.includes(fault)) ? maxTtlMs * 0.4 : 1e7,
  };
}
