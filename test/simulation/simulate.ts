import type { NetworkFlaw } from './network.js';
import type { ScriptFlaw } from './script-model/flaws.js';
import { drawsClusters, NO_DEATHS, settingsOf, withClusters, type Settings } from './settings.js';
import type { Violation } from './violation.js';
import { World } from './world.js';

export interface SimulationOptions {
  /** Whether more faults happen than the library promises to survive. */
  readonly beyond?: boolean;
  readonly durationMs?: number;
  /** Whether some nodes are Clusters in every world; otherwise the seed says it. */
  readonly clusters?: boolean | undefined;
  /** Settings that replace those of the seed. */
  readonly world?: Partial<Settings> | undefined;
  /** Whether to keep the trace. */
  readonly trace?: boolean;
  /** A fault in the script, for the test of the simulation itself. */
  readonly flaw?: ScriptFlaw | undefined;
  /** A fault of the network that TCP rules out, likewise. */
  readonly networkFlaw?: NetworkFlaw | undefined;
  /** Called with each violation when it is found. The world goes on. */
  readonly onViolation?: (violation: Violation) => void;
}

export interface Outcome {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly events: number;
  readonly grants: number;
  readonly ticksDue: number;
  /** The runs of ticks that had been started before. */
  readonly retries: number;
  /** The leases that outlived a block of their holder's event loop. */
  readonly outlived: number;
  readonly writesAccepted: number;
  readonly writesRefused: number;
  /** A hash that is the same for every run with the same seed. */
  readonly hash: string;
  readonly trace: readonly string[];
}

/** Simulates the world of one seed. */
export async function simulate(seed: number, options: SimulationOptions = {}): Promise<Outcome> {
  const { beyond = false, durationMs, trace = false, flaw, networkFlaw, onViolation } = options;
  const { world: own, clusters = own === undefined && drawsClusters(seed) } = options;
  const drawn = settingsOf(seed, beyond, durationMs);
  const ofSeed = clusters ? withClusters(drawn) : drawn;
  const settings = { ...ofSeed, ...(own && { ...NO_DEATHS, ...own }) };
  const world = new World(settings, { flaw, networkFlaw, trace, onViolation });
  const onRejection = (reason: unknown): void =>
    world.checker.report('no unexpected error', `unhandled rejection: ${String(reason)}`);
  process.on('unhandledRejection', onRejection);
  try {
    await world.run();
  } finally {
    process.off('unhandledRejection', onRejection);
  }
  const { checker, timeline, store, ticks } = world;
  return {
    seed,
    violations: checker.violations,
    events: timeline.count,
    grants: checker.grants,
    ticksDue: ticks.due,
    retries: checker.retries,
    outlived: checker.outlived,
    writesAccepted: store.accepted,
    writesRefused: store.refused,
    hash: world.trace.hash,
    trace: world.trace.lines,
  };
}
