import { monotonicValidityLeftMs, validityLeftMs, type Grant, type Stamp } from './validity.js';

/**
 * So many leases follow each other on one grant at most: eight turns for each of sixteen waiters, in a time in which another
 * process would get it once. Not many more, because so many tokens are reserved at once, and a counter that is lost goes on
 * from the time in microseconds: it must not have been counted up faster than that.
 */
const LEASES = 128;
/** And for so long: alone, and where other processes wait. */
const ALONE_MS = 100;
const SHARED_MS = 25;

/**
 * How many tokens an acquisition reserves, for itself and for those in its process that wait behind it: by the time they
 * have had their turns, others may have come. A token that is not used is a number left out.
 */
export const tokensFor = (behind: number): number => (behind > 0 ? LEASES : 1);

/** Leases that follow each other on one grant, without a word to the nodes. */
export interface Run {
  /** When the first of them began, on the monotonic clock. */
  readonly startedAt: number;
  /** How many there have been, and for how many there are tokens. */
  readonly leases: number;
  readonly reserved: number;
  /** Whether others were waiting on the nodes when it began. */
  readonly othersWait: boolean;
}

/**
 * Whether another lease may follow on this grant. It is bounded in number and in time, so that others get their turn, and
 * the next holder gets at least half of the validity: by then an extension is under way.
 */
export function mayFollow(
  { startedAt, leases, reserved, othersWait }: Run,
  grant: Grant,
  now: Stamp,
): boolean {
  return (
    leases < reserved &&
    now.monotonicMs - startedAt < (othersWait ? SHARED_MS : ALONE_MS) &&
    validityLeftMs(grant, now) >= monotonicValidityLeftMs(grant, grant.sentAt.monotonicMs) / 2
  );
}
