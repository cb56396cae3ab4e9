import type { DemoOptions } from './options.js';

/** How the workers' jobs are set, in milliseconds. */
export interface JobSettings {
  /** The TTL of the job that runs every second: below a second, so that a dead holder cannot stand in the next tick's way. */
  readonly tickTtlMs: number;
  readonly longTtlMs: number;
  /** How long one run of the long job takes: several TTLs. */
  readonly longRunMs: number;
  /** How often each worker tries to start the long job. */
  readonly longRetryMs: number;
}

/** `atMs` counts from the first tick. */
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
  /** What was left out or done otherwise for want of nodes. */
  readonly notes: readonly string[];
}

/** Longer demos go through the faults of the nodes again and again, with other nodes. */
const CYCLE_SECONDS = 30;
/** The last tick is given this long to run before the workers are told to finish. */
export const LAST_TICK_MS = 600;

/** When the workers are told to finish, after the last tick; `seconds` ticks are due by then. */
export const endMs = ({ seconds }: DemoOptions): number => (seconds - 1) * 1_000 + LAST_TICK_MS;

/**
 * Which faults strike when. A majority of the nodes is up at every moment: with five nodes or more two of them are away
 * together, with three or four one after the other, with fewer none may be.
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
 * Parts of a cycle. A killed node stays away for more than two of the longest TTLs, and without its data it is not trusted
 * for another one when it comes back. In the default length nodes go between two ticks.
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
