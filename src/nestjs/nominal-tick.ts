/**
 * Which scheduled instant a call belongs to: the *nominal* fire time, the same on every worker, however late its timer
 * or however wrong its clock. Pure: it is told the time and how to find the next instant.
 */

/** Finds a schedule's first instant after a moment, both in epoch milliseconds; instants are whole seconds. */
export type NextInstant = (afterMs: number) => number;

/**
 * The scheduler sleeps on a timer and then looks at the wall clock again, so it fires at its instant or after it. The
 * tolerance is for a clock that is slewed backwards between its look and ours.
 */
const EARLY_MS = 10;
/**
 * A call by anybody else than the scheduler belongs to a tick only this soon after it. The package cron runs a fire that it
 * missed by up to its `threshold`, 250 ms by default, so the slack is several of them and never below two seconds.
 */
const SHORTEST_SLACK_MS = 2_000;
const SLACK_IN_THRESHOLDS = 4;
const DEFAULT_THRESHOLD_MS = 250;
/** How far back the instant of a late fire is looked for: beyond a year, 29 February apart, nothing is scheduled. */
const LONGEST_LOOK_BACK_MS = 400 * 24 * 3_600_000;
const SECOND_MS = 1_000;

/** One call of a scheduled method. */
export interface ScheduledCall {
  /** The wall clock of this process at the call, in epoch milliseconds. */
  readonly nowMs: number;
  /** Whether the scheduler made the call, as its argument tells. */
  readonly byScheduler: boolean;
  /** How late the scheduler may make up for a missed instant, in milliseconds: the `threshold` of its options. */
  readonly thresholdMs?: number | undefined;
}

/** For how long after its instant a call is taken for the scheduler's although it does not show. */
export function slackMsOf(thresholdMs: number = DEFAULT_THRESHOLD_MS): number {
  return Math.max(SHORTEST_SLACK_MS, SLACK_IN_THRESHOLDS * Math.abs(thresholdMs));
}

/**
 * The scheduled instant of a call, or `undefined` for a call that has none: from a controller, a test or a console.
 *
 * The scheduler's own call belongs to the latest instant however late it comes, because a process that was suspended fires
 * when it wakes, and by then another worker has run that tick. Any other call belongs to the latest instant only within the
 * slack, which the next instant cuts short where the period is shorter.
 */
export function nominalTick(next: NextInstant, call: ScheduledCall): number | undefined {
  const lookBackMs = call.byScheduler ? LONGEST_LOOK_BACK_MS : slackMsOf(call.thresholdMs);
  return latestInstant(next, call.nowMs + EARLY_MS, lookBackMs);
}

/** The tick of a job that runs once, at a date. */
export function nominalDate(atMs: number, call: ScheduledCall): number | undefined {
  const lateMs = call.nowMs + EARLY_MS - atMs;
  return lateMs >= 0 && (call.byScheduler || lateMs <= slackMsOf(call.thresholdMs)) ? atMs : undefined;
}

/**
 * The latest instant at or before `atMs`, not further back than `lookBackMs`.
 *
 * A schedule can only be asked for what comes next. So a moment from which the next instant is already past is looked for
 * in growing steps, and the last such moment by bisection; the usual call, just after its instant, takes one question.
 */
export function latestInstant(next: NextInstant, atMs: number, lookBackMs: number): number | undefined {
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

/** Where the clocks are put back, cron's next instant may lie before the moment it was asked from: that one does not count. */
function instantWithin(next: NextInstant, from: number, at: number): number | undefined {
  const instant = next(from);
  return instant > from && instant <= at ? instant : undefined;
}
