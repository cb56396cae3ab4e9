import { monotonicValidityLeftMs, validityLeftMs, type Grant, type Stamp } from './validity.js';

/**
 * The most leases that may follow each other on one grant: eight for each of sixteen waiters, in a time in
 * which another process would get the lock once. The bound is small because that many tokens are reserved at
 * once. A counter that is lost restarts from the time in microseconds, so counters must not rise faster than
 * one per microsecond.
 */
const MOST_LEASES = 128;
/**
 * How long leases may follow each other on one grant, in milliseconds, when no other process waits for the
 * lock.
 */
const ALONE_MS = 100;
/** The same when other processes wait. */
const SHARED_MS = 25;

const LONGEST_TURNS_MS = 1_000;

/**
 * The longest time in which this many other processes have had their turns, one after the other. It is a
 * second at most: a node's list may name processes that are gone, or more than there ever were.
 */
export const turnsOfOthersMs = (processes: number): number =>
  Math.min(LONGEST_TURNS_MS, processes * SHARED_MS);

/**
 * How many tokens an acquisition reserves, for itself and for the calls that wait behind it in this process.
 * It is one or the most, because more calls may come while these are served. Tokens that are not used are
 * left out.
 */
export const tokensFor = (waitersBehind: number): number => (waitersBehind > 0 ? MOST_LEASES : 1);

/** Leases of this process that follow each other on one grant, without a request to the nodes. */
export interface LeaseChain {
  /** When the first of them began, in milliseconds of the monotonic clock. */
  readonly startedAt: number;
  /** How many leases there have been. */
  readonly leases: number;
  /** How many tokens were reserved for them. */
  readonly reserved: number;
  /** Whether other processes waited for the lock when the first lease began. */
  readonly othersWait: boolean;
}

/**
 * Whether another lease may follow on this grant. Number and time are bounded, so that other processes get
 * the lock too. At least half of the validity must be left: the next holder gets that much, and by then an
 * extension has been sent.
 */
export function mayFollow(
  { startedAt, leases, reserved, othersWait }: LeaseChain,
  grant: Grant,
  now: Stamp,
): boolean {
  return (
    leases < reserved &&
    now.monotonicMs - startedAt < (othersWait ? SHARED_MS : ALONE_MS) &&
    validityLeftMs(grant, now) >= monotonicValidityLeftMs(grant, grant.sentAt.monotonicMs) / 2
  );
}
