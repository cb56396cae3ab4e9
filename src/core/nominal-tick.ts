/**
 * Finds the scheduled instant that a call belongs to: the *nominal* fire time. It is the same on every
 * worker, even if timers are late and clocks are wrong. These functions are pure: the time and the schedule
 * are arguments.
 */
import type { TickSchedule } from './run-policy.js';

/**
 * Finds a schedule's first instant after a moment. Both are in epoch milliseconds; instants are whole
 * seconds.
 */
export type NextInstant = (afterMs: number) => number | undefined;

/**
 * A call counts for an instant up to this long before it. The scheduler waits on a timer and then reads the
 * wall clock, so it fires at its instant or later; but the clock may be slewed backwards between its reading
 * and ours.
 */
const EARLY_MS = 10;
/** How far back the instant of a late fire is searched: schedules repeat within a year, 29 February apart. */
const LONGEST_LOOK_BACK_MS = 400 * 24 * 3_600_000;
const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

/**
 * The ticks of a schedule that only tells its next instant, as most packages for schedules do. `next` gives
 * the first instant after a moment; instants are whole seconds, in epoch milliseconds. A moment up to 10 ms
 * before a tick counts for it: a timer may fire early by so much.
 *
 * @throws TypeError when `next` is no function; and later, when it answers something else than a number or
 *   `undefined`: such a job would never be watched, and nobody would know.
 */
export function tickSchedule(next: NextInstant): TickSchedule {
  if (typeof next !== 'function')
    throw new TypeError(`tickSchedule takes a function that gives the next instant, got ${typeof next}`);
  const checked: NextInstant = (afterMs) => {
    const instant: unknown = next(afterMs);
    if (instant === undefined || (typeof instant === 'number' && Number.isFinite(instant))) return instant;
    const got = typeof instant === 'number' ? String(instant) : typeof instant;
    throw new TypeError(`the next instant must be epoch milliseconds or undefined, got ${got}`);
  };
  return {
    latest: (atMs) => findNominalTick(checked, atMs),
    next: (afterMs) => findNextInstant(checked, afterMs),
  };
}

/**
 * A schedule that somebody wrote by hand, with its answers checked. One that answers with a `Date`, a promise
 * or `null`, as packages for schedules do, would have ticks told as missed that have run, or none watched at
 * all.
 */
export function checkedSchedule(schedule: TickSchedule): TickSchedule {
  const checked = (method: keyof TickSchedule, atMs: number): number | undefined => {
    const instant: unknown = schedule[method](atMs);
    if (instant === undefined) return instant;
    if (typeof instant !== 'number' || !Number.isSafeInteger(instant) || instant < 0) {
      const got = typeof instant === 'number' ? String(instant) : typeof instant;
      throw new TypeError(`schedule.${method} must give epoch milliseconds or undefined, got ${got}`);
    }
    const isRight = method === 'latest' ? instant <= atMs + EARLY_MS : instant > atMs;
    if (isRight) return instant;
    const side = method === 'latest' ? 'at or before' : 'after';
    throw new RangeError(`schedule.${method} must give an instant ${side} ${atMs}, got ${instant}`);
  };
  return { latest: (atMs) => checked('latest', atMs), next: (afterMs) => checked('next', afterMs) };
}

/** How far ahead of a moment a wrong answer is looked behind: clocks are put back by an hour at most. */
const LONGEST_WRONG_MS = 2 * 3_600_000;

/**
 * Finds the first instant after a moment. When clocks are put back, the package cron may answer with an
 * instant before it; then it is asked about later moments.
 */
function findNextInstant(next: NextInstant, afterMs: number): number | undefined {
  for (let aheadMs = 0; aheadMs <= LONGEST_WRONG_MS; aheadMs += MINUTE_MS) {
    const instant = next(afterMs + aheadMs);
    if (instant === undefined || instant > afterMs) return instant;
  }
  return undefined;
}

/**
 * Finds the scheduled instant of a call that the scheduler makes at `nowMs` of this process's wall clock:
 * the latest one, even if the call comes late. A process that was suspended fires when it wakes, and by then
 * another worker has run that tick.
 */
export function findNominalTick(next: NextInstant, nowMs: number): number | undefined {
  return findLatestInstant(next, nowMs + EARLY_MS, LONGEST_LOOK_BACK_MS);
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
  return instant !== undefined && instant > from && instant <= at ? instant : undefined;
}
