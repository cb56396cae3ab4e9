import type { DemoOptions } from './options.js';

/** The settings of the workers' jobs, in milliseconds. */
export interface JobSettings {
  /**
   * The TTL of the job that runs every second. It is below a second, so a dead holder does not block the next
   * tick.
   */
  readonly tickTtlMs: number;
  readonly longTtlMs: number;
  /** How long one run of the long job takes: several TTLs. */
  readonly longRunMs: number;
  /** How often each worker tries to start the long job. */
  readonly longRetryMs: number;
  /** The distance of the ticks of the job that catches up, and how late it may begin. */
  readonly catchUpEveryMs: number;
  /** The same of the job that is run again. */
  readonly retryEveryMs: number;
  readonly retryTtlMs: number;
  /** How long one run of it takes. */
  readonly retryRunMs: number;
  /** How long the others wait for a leader that died. */
  readonly leaderTtlMs: number;
}

/** Which worker is killed: one that holds the long job, one in the middle of a run, or the leader. */
export type Victim = 'long-job' | 'retry-job' | 'leader';

/** One fault of the plan. `atMs` counts from the first tick. */
export type Step =
  | {
      readonly atMs: number;
      readonly action: 'kill-node' | 'restart-node' | 'stop-node' | 'resume-node';
      readonly node: number;
    }
  | {
      readonly atMs: number;
      readonly action: 'stop-majority' | 'resume-majority';
      readonly nodes: readonly number[];
    }
  | { readonly atMs: number; readonly action: 'kill-worker'; readonly victim: Victim };

export interface Plan {
  readonly jobs: JobSettings;
  readonly steps: readonly Step[];
  /** What was left out or changed because there are too few nodes, or too little time. */
  readonly notes: readonly string[];
}

/** Longer demos repeat the faults of the nodes in every cycle, with other nodes. */
const CYCLE_SECONDS = 30;
/** Below this the TTLs and the outage are shorter. */
const SHORT_SECONDS = 20;
/** The time for the last tick to run before the workers are told to finish. */
export const LAST_TICK_MS = 600;
/** The first tick is one of the job that catches up. Its ticks are a whole number of seconds apart. */
export const CATCH_UP_EVERY_MS = 3_000;
/** The majority goes away so long before a tick, and comes back so long after the latest that it missed. */
const BEFORE_TICK_MS = 600;
const AFTER_TICK_MS = 400;
/** The time for jobs to go on after the outage, before the next fault. */
const CALM_MS = 1_000;

/** When the workers are told to finish, after the last tick. By then `seconds` ticks are due. */
export const endMs = ({ seconds }: DemoOptions): number => (seconds - 1) * 1_000 + LAST_TICK_MS;

/**
 * Plans which fault happens when. First a majority of the nodes is away, for as long as the job that catches
 * up needs to miss two ticks, or one in a short demo: the nodes are stopped, so they keep what they know.
 * After that a majority is up at every moment. With five nodes or more, two are away together; with three or
 * four, one after the other; with fewer, none.
 */
export function planOf(options: DemoOptions): Plan {
  const { seconds, nodes } = options;
  const isShort = seconds < SHORT_SECONDS;
  const longTtlMs = isShort ? 1_000 : 2_000;
  const jobs = {
    tickTtlMs: 900,
    longTtlMs,
    longRunMs: 3.5 * longTtlMs,
    longRetryMs: longTtlMs / 4,
    catchUpEveryMs: CATCH_UP_EVERY_MS,
    retryEveryMs: 2 * CATCH_UP_EVERY_MS,
    retryTtlMs: 1_000,
    retryRunMs: 1_500,
    leaderTtlMs: longTtlMs,
  };
  const majority = Math.floor(nodes / 2) + 1;
  const minority = nodes - majority;
  const stopped = Array.from({ length: minority + 1 }, (_, index) => nodes - 1 - index);
  const backMs = (isShort ? 1 : 2) * CATCH_UP_EVERY_MS + AFTER_TICK_MS;
  const steps: Step[] = [
    { atMs: CATCH_UP_EVERY_MS - BEFORE_TICK_MS, action: 'stop-majority', nodes: stopped },
    { atMs: backMs, action: 'resume-majority', nodes: stopped },
  ];

  const cycles = Math.max(1, Math.floor(seconds / CYCLE_SECONDS));
  const cycleMs = endMs(options) / cycles;
  for (let cycle = 0; cycle < cycles; cycle++) {
    const fromMs = cycle === 0 ? backMs + CALM_MS : cycle * cycleMs;
    const at = (share: number): number => fromMs + share * ((cycle + 1) * cycleMs - fromMs);
    if (cycle === 0)
      for (const { victim, share } of KILLS) steps.push({ atMs: at(share), action: 'kill-worker', victim });
    if (minority > 0) steps.push(...nodeFaults(cycle, nodes, minority, at));
  }
  return {
    jobs,
    steps: steps.sort((a, b) => a.atMs - b.atMs),
    notes: [...notesOf(nodes, minority), ...(isShort ? [SHORT_NOTE] : [])],
  };
}

function nodeFaults(cycle: number, nodes: number, minority: number, at: (share: number) => number): Step[] {
  const killed = (1 + 2 * cycle) % nodes;
  const stopped = (killed + 2) % nodes;
  const share = minority > 1 ? TOGETHER : ONE_BY_ONE;
  return [
    { atMs: at(share.kill), action: 'kill-node', node: killed },
    { atMs: at(share.restart), action: 'restart-node', node: killed },
    { atMs: at(share.stop), action: 'stop-node', node: stopped },
    { atMs: at(share.resume), action: 'resume-node', node: stopped },
  ];
}

/**
 * When things happen, as shares of a cycle; of the first, after the outage. A killed node stays away for more
 * than two of the longest TTLs. It comes back without its data, so it has no vote for another one.
 */
const TOGETHER = { kill: 0.03, stop: 0.09, resume: 0.55, restart: 0.61 };
const ONE_BY_ONE = { kill: 0.03, restart: 0.46, stop: 0.75, resume: 0.92 };
const KILLS = [
  { victim: 'long-job', share: 0.15 },
  { victim: 'retry-job', share: 0.27 },
  { victim: 'leader', share: 0.66 },
] as const;

const SHORT_NOTE =
  'a short demo: the majority is away for one tick only, and the demo goes on until all faults were made';

function notesOf(nodes: number, minority: number): string[] {
  if (minority === 0) {
    const why = nodes === 1 ? 'the only node is the majority' : 'both nodes are needed for a majority';
    return [`no node is killed, or stopped while jobs run: ${why}`];
  }
  if (minority === 1) return [`one node is away at a time while jobs run: two of ${nodes} are the majority`];
  return [];
}
