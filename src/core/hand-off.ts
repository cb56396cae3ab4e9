import { monotonicValidityLeftMs, validityLeftMs, type Grant, type Stamp } from './validity.js';

/** So many leases follow each other on one grant at most, and for so long: alone, and where other processes wait. */
const ALONE = { leases: 64, forMs: 100 };
const SHARED = { leases: 32, forMs: 25 };

/** How many tokens an acquisition reserves, for itself and for those in its process that wait behind it. */
export const tokensFor = (behind: number): number => Math.min(ALONE.leases, behind + 1);

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
  const most = othersWait ? SHARED : ALONE;
  return (
    leases < Math.min(reserved, most.leases) &&
    now.monotonicMs - startedAt < most.forMs &&
    validityLeftMs(grant, now) >= monotonicValidityLeftMs(grant, grant.sentAt.monotonicMs) / 2
  );
}
