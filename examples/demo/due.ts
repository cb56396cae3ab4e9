/** Which ticks the policies of the jobs make due while a majority of the nodes is away, and after it. */
import type { Kill } from './check.js';
import type { Job, Run } from './record.js';

/** A stretch in which no majority of the nodes was up. In epoch milliseconds. */
export interface Outage {
  readonly fromMs: number;
  /** When the nodes were resumed. */
  readonly resumedMs: number;
  /** When all workers saw a majority again. */
  readonly toMs: number;
}

/** A job with `missed: 'once'`, and its ticks that came. */
export interface LateJob {
  readonly job: Job;
  readonly ticks: readonly number[];
  /** The distance of its ticks. */
  readonly everyMs: number;
  readonly maxLatenessMs: number;
  readonly abandoned: 'leave' | 'retry';
}

/**
 * What an outage cuts off: a run whose acquisition began as long as this before it. What workers claimed
 * during it is gone as long as this after it. It is above the TTL of the job of every second.
 */
const CUT_OFF_MS = 1_000;

/** For how long a majority must be up for a tick to be due: a busy machine needs its time. */
const NEEDED_MS = 1_000;

/** With `missed: 'skip'` a tick is not due if it comes during an outage, or so near to one. */
export const isCutOff = (tick: number, outages: readonly Outage[]): boolean =>
  outages.some(({ fromMs, toMs }) => tick >= fromMs - CUT_OFF_MS && tick <= toMs + CUT_OFF_MS);

/**
 * With `missed: 'once'` a tick is due if, within its lateness and before the next tick, a majority is up for
 * long enough. The next tick supersedes it.
 */
export function isDue(
  tick: number,
  { everyMs, maxLatenessMs }: LateJob,
  outages: readonly Outage[],
): boolean {
  const endMs = tick + Math.min(maxLatenessMs, everyMs);
  let upFrom = tick;
  for (const { fromMs, toMs } of [...outages].sort((a, b) => a.fromMs - b.fromMs)) {
    if (Math.min(fromMs, endMs) - upFrom >= NEEDED_MS) return true;
    upFrom = Math.max(upFrom, toMs);
  }
  return endMs - upFrom >= NEEDED_MS;
}

/**
 * Whether the end of a run may be unknown to the nodes when the next one begins: its worker had lost the lock
 * by then, or was killed right after its body, or an outage came between. `abandoned: 'retry'` means at least
 * once.
 */
export function wasUnrecorded(
  run: Run,
  next: Run,
  kills: readonly Kill[],
  outages: readonly Outage[],
): boolean {
  const { endedAt = Number.POSITIVE_INFINITY, heldUntil = endedAt } = run;
  const endedWallMs = run.startedWallMs + (endedAt - run.startedAt);
  return (
    heldUntil < endedAt ||
    kills.some(({ worker, at }) => worker === run.worker && Math.abs(at - endedAt) <= CUT_OFF_MS) ||
    outages.some(({ fromMs, toMs }) => fromMs <= next.startedWallMs && toMs >= endedWallMs)
  );
}
