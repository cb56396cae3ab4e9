/**
 * Finds the scheduled instant that a call belongs to: the *nominal* fire time. It is the same on every
 * worker, even if timers are late and clocks are wrong. These functions are pure: the time and the schedule
 * are arguments.
 */

/**
 * Finds a schedule's first instant after a moment. Both are in epoch milliseconds; instants are whole
 * seconds.
 */
export type NextInstant = (afterMs: number) => number;

/**
 * A call counts for an instant up to this long before it. The scheduler waits on a timer and then reads the
 * wall clock, so it fires at its instant or later; but the clock may be slewed backwards between its reading
 * and ours.
 */
const EARLY_MS = 10;
/**
 * A call that the scheduler did not make belongs to a tick only within this slack after it. The package cron
 * makes up for a fire that it missed by up to its `threshold`, 250 ms by default. So the slack is four
 * thresholds, at least two seconds.
 */
const SHORTEST_SLACK_MS = 2_000;
const SLACK_IN_THRESHOLDS = 4;
const DEFAULT_THRESHOLD_MS = 250;
/** How far back the instant of a late fire is searched: schedules repeat within a year, 29 February apart. */
const LONGEST_LOOK_BACK_MS = 400 * 24 * 3_600_000;
const SECOND_MS = 1_000;

/** One call of a scheduled method. */
export interface ScheduledCall {
  /** The wall clock of this process at the call, in epoch milliseconds. */
  readonly nowMs: number;
  /** Whether the scheduler made the call. */
  readonly byScheduler: boolean;
  /**
   * How late the scheduler makes up for a missed instant, in milliseconds: the `threshold` of its options.
   */
  readonly thresholdMs?: number | undefined;
}

/** How long after an instant a call that the scheduler did not make still belongs to it, in milliseconds. */
export function slackMsOf(thresholdMs: number = DEFAULT_THRESHOLD_MS): number {
  return Math.max(SHORTEST_SLACK_MS, SLACK_IN_THRESHOLDS * Math.abs(thresholdMs));
}

/**
 * Finds the scheduled instant of a call; `undefined` for a call without one, such as from a controller, a
 * test or a console.
 *
 * The scheduler's own call belongs to the latest instant, even if it comes late: a process that was suspended
 * fires when it wakes, and by then another worker has run that tick. Any other call belongs to the latest
 * instant only within the slack.
 */
export function findNominalTick(next: NextInstant, call: ScheduledCall): number | undefined {
  const lookBackMs = call.byScheduler ? LONGEST_LOOK_BACK_MS : slackMsOf(call.thresholdMs);
  return findLatestInstant(next, call.nowMs + EARLY_MS, lookBackMs);
}

/** Finds the tick of a job that runs once, at a date. */
export function findDateTick(atMs: number, call: ScheduledCall): number | undefined {
  const lateMs = call.nowMs + EARLY_MS - atMs;
  return lateMs >= 0 && (call.byScheduler || lateMs <= slackMsOf(call.thresholdMs)) ? atMs : undefined;
}

/**
 * Finds the latest instant at or before `atMs`, not further back than `lookBackMs`.
 *
 * A schedule only tells its next instant. So the search steps back, doubling its steps, to a moment whose
 * next instant is in the past; then it bisects to the last such moment. The usual call, just after its
 * instant, takes one question.
 */
export function findLatestInstant(next: NextInstant, atMs: number, lookBackMs: number): number | undefined {
  const at = Math.floor(atMs / SECOND_MS) * SECOND_MS;
  const farthest = at - Math.ceil(lookBackMs / SECOND_MS) * SECOND_MS;
  let found: { readonly from: number; readonly instant: number } | undefined;
  let after = at;
  for (let stepMs = SECOND_MS; found === undefined && after > farthest; stepMs *= 2) {
    const from = Math.max(at - stepMs, farthest);
    const instant = instantWithin(next, from, at);
    if (instant === undefined) after = from;
    else found = { from, instant };
  }
  while (found !== undefined && after - found.from > SECOND_MS) {
    const from: number = found.from + Math.floor((after - found.from) / 2 / SECOND_MS) * SECOND_MS;
    const instant = instantWithin(next, from, at);
    if (instant === undefined) after = from;
    else found = { from, instant };
  }
  return found?.instant;
}

/**
 * The next instant after `from`, if it is not after `at`. When clocks are put back, cron may answer with an
 * instant before `from`, which does not count.
 */
function instantWithin(next: NextInstant, from: number, at: number): number | undefined {
  const instant = next(from);
  return instant > from && instant <= at ? instant : undefined;
}
