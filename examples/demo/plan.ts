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
}

/** One fault of the plan. `atMs` counts from the first tick. */
export type Step =
  | {
      readonly atMs: number;
      readonly action: 'kill-node' | 'restart-node' | 'stop-node' | 'resume-node';
      readonly node: number;
    }
  | { readonly atMs: number; readonly action: 'kill-worker' };

export interface Plan {
  readonly jobs: JobSettings;
  readonly steps: readonly Step[];
  /** What was left out or changed because there are too few nodes. */
  readonly notes: readonly string[];
}

/** Longer demos repeat the faults of the nodes in every cycle, with other nodes. */
const CYCLE_SECONDS = 30;
/** The time for the last tick to run before the workers are told to finish. */
export const LAST_TICK_MS = 600;

/** When the workers are told to finish, after the last tick. By then `seconds` ticks are due. */
export const endMs = ({ seconds }: DemoOptions): number => (seconds - 1) * 1_000 + LAST_TICK_MS;

/**
 * Plans which fault happens when. A majority of the nodes is up at every moment. With five nodes or more, two
 * are away together; with three or four, one after the other; with fewer, none.
 */
export function planOf(options: DemoOptions): Plan {
  const { seconds, nodes } = options;
  const longTtlMs = seconds < 20 ? 1_000 : 2_000;
  const jobs = {
    tickTtlMs: 900,
    longTtlMs,
    longRunMs: 3.5 * longTtlMs,
    longRetryMs: longTtlMs / 4,
  };
  const minority = nodes - (Math.floor(nodes / 2) + 1);
  const cycles = Math.max(1, Math.floor(seconds / CYCLE_SECONDS));
  const cycleMs = endMs(options) / cycles;
  const steps: Step[] = [{ atMs: 0.42 * cycleMs, action: 'kill-worker' }];
  for (let cycle = 0; minority > 0 && cycle < cycles; cycle++) {
    const killed = (1 + 2 * cycle) % nodes;
    const stopped = (killed + 2) % nodes;
    const share = minority > 1 ? TOGETHER : ONE_BY_ONE;
    const at = (part: number): number => (cycle + part) * cycleMs;
    steps.push(
      { atMs: at(share.kill), action: 'kill-node', node: killed },
      { atMs: at(share.restart), action: 'restart-node', node: killed },
      { atMs: at(share.stop), action: 'stop-node', node: stopped },
      { atMs: at(share.resume), action: 'resume-node', node: stopped },
    );
  }
  return { jobs, steps: steps.sort((a, b) => a.atMs - b.atMs), notes: notesOf(nodes, minority) };
}

/**
 * When things happen, as parts of a cycle. A killed node stays away for more than two of the longest TTLs. It
 * comes back without its data, so it has no vote for another one. In a demo of the default length, nodes go
 * away between two ticks.
 */
const TOGETHER = { kill: 0.15, stop: 0.285, resume: 0.631, restart: 0.714 };
const ONE_BY_ONE = { kill: 0.103, restart: 0.321, stop: 0.687, resume: 0.853 };

function notesOf(nodes: number, minority: number): string[] {
  if (minority === 0) {
    const why = nodes === 1 ? 'the only node is the majority' : 'both nodes are needed for a majority';
    return [`no node is killed or stopped: ${why}`];
  }
  if (minority === 1) return [`one node is away at a time: two of ${nodes} would take the majority`];
  return [];
}
