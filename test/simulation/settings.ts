import type { Latency } from './network.js';
import { Rng } from './rng.js';

/** Faults that the library promises to survive, independent of trust in nodes. */
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

/**
 * Faults that make a node lose its keys early. The library survives them as long as only a minority of nodes
 * has one at a time.
 */
const LOSSES = ['data lost', 'data stale', 'data flushed', 'node clock step'] as const;

const NOT_DURABLE: readonly string[] = ['data lost', 'data stale'];

/** Faults that only the fencing token protects from. */
const DISASTERS = ['majority flushed', 'all flushed'] as const;

/** An address that leads one process to another node for a while, as a wrong entry of a name server does. */
const MISROUTES = ['link misroute'] as const;

/** An event loop that is blocked while the worker thread of `maxStallMs` goes on. */
const BLOCKS = ['process block'] as const;

/**
 * Faults of a Cluster. A master dies, or is cut off from the others, and its replica, which is behind it,
 * takes its place; an operator makes them change places; a slot moves to another shard with its keys, or goes
 * there without them.
 */
const CLUSTER_FAULTS = [
  'shard dies',
  'shard cut off',
  'shard handed over',
  'slot moved',
  'slot seized',
] as const;

export type ClusterFault = (typeof CLUSTER_FAULTS)[number];

export const isOfCluster = (fault: Fault): fault is ClusterFault =>
  (CLUSTER_FAULTS as readonly Fault[]).includes(fault);

export type Fault =
  | ClusterFault
  | (typeof PLAIN_FAULTS)[number]
  | (typeof LOSSES)[number]
  | (typeof DISASTERS)[number]
  | (typeof MISROUTES)[number]
  | (typeof BLOCKS)[number];

export interface Settings {
  readonly seed: number;
  /** Whether more faults happen than the library promises to survive. */
  readonly beyond: boolean;
  readonly nodes: number;
  /**
   * The lists of nodes that clients have, one after the other, each of three nodes at least and one node from
   * the next, which is deployed once votes go by it; `undefined`: all clients have all nodes. Only who holds
   * what is checked then.
   */
  readonly lists?: readonly (readonly number[])[];
  /** The number of shards of the nodes that are Clusters, by node; `undefined` or 0: it is a server. */
  readonly clusters?: readonly number[];
  /**
   * The longest time for which a master votes that another one has replaced. The promise is for leases that
   * are over, with this, within one `maxTtlMs`.
   */
  readonly longestDividedMs?: number;
  /** Whether some clients have another name for a node than others. */
  readonly hasSpellings?: boolean;
  /** Whether the operator declares that nodes keep their data over a restart. */
  readonly durable: boolean;
  readonly clients: number;
  /** The number of workers per client, and whether all of them wait for locks and hold them briefly. */
  readonly workers: readonly [least: number, most: number];
  readonly alwaysWaits: boolean;
  readonly resources: readonly string[];
  readonly cronResources: readonly string[];
  readonly cronPeriodMs: number;
  readonly durationMs: number;
  readonly driftFactor: number;
  readonly maxTtlMs: number;
  readonly ttlsMs: readonly number[];
  /** The mean pause of a worker between two locks. */
  readonly idleMs: number;
  readonly latency: Latency;
  readonly faults: readonly Fault[];
  /** The mean time between two faults in a period with faults. */
  readonly faultIntervalMs: number;
  /** Faults happen from the start on for so long, and not again; `undefined`: again and again. */
  readonly faultyForMs?: number;
  /** `undefined`: most faults are short. */
  readonly shortestFaultMs?: number;
  readonly longestFaultMs: number;
  /** The maximum rate of the nodes' clocks against true time; `undefined`: within the drift factor. */
  readonly fastNodes: number | undefined;
  readonly restartQuarantine: 'auto' | 'off';
  /**
   * Whether the next node may lose its data as soon as the nodes themselves say that a majority votes without
   * it. Otherwise that takes until one `maxTtlMs` after the last loss.
   */
  readonly losesWhenLifted?: boolean;
  /** The maximum difference between the workers' wall clocks. */
  readonly wallSkewMs: number;
  readonly nodeSkewMs: number;
  /** The maximum error of a worker's wall clock. */
  readonly wallStepMs: number;
  /**
   * How far ahead of a node's time a tick can be; `undefined`: `maxTtlMs`. Outside the simulation both are a
   * minute.
   */
  readonly tickAheadMs?: number;
  /** Whether a tick is run again whose worker died. */
  readonly retry: boolean;
  /** How likely the worker of a tick dies: while it claims the tick, in its run, or while it releases. */
  readonly deaths: number;
  /** Whether workers give leases away, or copies of those that they go on with, and adopt those of others. */
  readonly adoptions?: boolean;
  /** `undefined`: no process has a worker thread that extends leases while its event loop is blocked. */
  readonly maxStallMs?: number;
}

/** What worlds have that are about something else than runs. */
export const NO_DEATHS = { retry: false, deaths: 0 } as const;

const DURATION_MS = 60_000;

/**
 * Pairs of faults that together exceed the promise, because each removes the protection from the other:
 *
 * - The wall clock shows that a machine was suspended. If it is set back by as much at the same time, nothing
 *   shows it.
 * - If a majority of nodes lose their counters one after the other, tokens continue from the nodes' clocks.
 *   If these were stepped as well, nothing is left to continue from.
 */
const CONFLICTS: readonly (readonly [readonly Fault[], readonly Fault[]])[] = [
  [['process suspend'], ['wall step']],
  [['node clock step'], ['data lost', 'data stale', 'data flushed']],
];

function withoutConflicts(faults: readonly Fault[], rng: Rng): readonly Fault[] {
  return CONFLICTS.reduce((left, [one, other]) => {
    const conflict = left.some((fault) => one.includes(fault)) && left.some((fault) => other.includes(fault));
    const removed = rng.chance(0.5) ? one : other;
    return conflict ? left.filter((fault) => !removed.includes(fault)) : left;
  }, faults);
}

/**
 * The settings of a seed. Every seed has its own subset of faults, because with all faults at once the states
 * that need one long fault are never reached.
 */
export function settingsOf(seed: number, beyond: boolean, durationMs = DURATION_MS): Settings {
  const rng = new Rng(seed);
  const nodes = rng.pick([3, 3, 3, 3, 3, 5, 5, 5, 4, 2, 1]);
  const possible: Fault[] = [...PLAIN_FAULTS];
  const durable = rng.chance(0.3);
  // A server that its operator declares durable never loses its data.
  if (nodes >= 3) possible.push(...LOSSES.filter((fault) => !durable || !NOT_DURABLE.includes(fault)));
  const share = rng.pick([0.2, 0.4, 0.7]);
  if (beyond) possible.push(...DISASTERS);
  const drawn = possible.filter(() => rng.chance(share));
  const faults = beyond ? drawn : withoutConflicts(drawn, rng);
  const maxTtlMs = 2_000;
  const least = rng.pick([0.05, 0.3, 3]);
  const settings: Omit<Settings, keyof typeof NO_DEATHS> = {
    seed,
    beyond,
    nodes,
    durable,
    clients: rng.int(2, 4),
    workers: [1, 2],
    alwaysWaits: false,
    resources: ['a', 'b', 'c'].slice(0, rng.int(1, 3)),
    cronResources: ['cron-1', 'cron-2'].slice(0, rng.int(1, 2)),
    cronPeriodMs: rng.pick([2_000, 3_000, 5_000]),
    durationMs,
    // If machines may be suspended, nothing corrects their wall clocks, so the clocks must not drift far.
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
    faultIntervalMs: rng.pick([100, 250, 600]),
    longestFaultMs: 4_000,
    fastNodes: undefined,
    restartQuarantine: 'auto',
    wallSkewMs: rng.pick([2, 20, 150]),
    nodeSkewMs: rng.pick([0, 5, 200]),
    wallStepMs: 1e7,
  };
  return { ...settings, retry: rng.chance(0.4), deaths: rng.pick([0, 0, 0.1, 0.4]) };
}

/** Below this seed all nodes are servers: the worlds that tests name stay as they are. */
const FIRST_WITH_CLUSTERS = 1_000_000_000;

/** Whether some nodes are Clusters in the world of the seed. */
export const drawsClusters = (seed: number): boolean =>
  seed >= FIRST_WITH_CLUSTERS && new Rng(-seed).chance(0.25);

/**
 * The same world, but one node is a Cluster, or two are. They need the quarantine, so there are three nodes
 * at least. Some resources share a slot, because only those can be locked together in a Cluster.
 */
export function withClusters(settings: Settings): Settings {
  const rng = new Rng(-settings.seed).fork();
  const share = rng.pick([0.3, 0.6, 1]);
  const nodes = Math.max(3, settings.nodes);
  const clusters = [rng.pick([2, 3]), ...(rng.chance(0.3) ? [rng.pick([2, 3])] : [])];
  const longestDividedMs = 800;
  const longestTtlMs = (settings.maxTtlMs - longestDividedMs) * (1 - settings.driftFactor);
  return {
    ...settings,
    nodes,
    clusters,
    longestDividedMs,
    resources: ['{a}1', '{a}2', 'b'].slice(0, settings.resources.length),
    ttlsMs: settings.ttlsMs.filter((ttlMs) => ttlMs <= longestTtlMs),
    faults: [
      // It would exceed the promise, see `CONFLICTS`: most faults of a Cluster lose data.
      ...settings.faults.filter((fault) => settings.beyond || fault !== 'node clock step'),
      ...CLUSTER_FAULTS.filter(() => rng.chance(share)),
    ],
  };
}
