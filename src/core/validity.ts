/**
 * An instant on two clocks, read together. The monotonic clock measures durations, because a wall clock may
 * be stepped. The wall clock shows that the machine was suspended, because the monotonic clock stops then.
 */
export interface Stamp {
  /** Milliseconds on a clock that never steps; its zero means nothing. */
  readonly monotonicMs: number;
  /** Milliseconds since the Unix epoch. */
  readonly wallMs: number;
}

/**
 * The wall clock minus the monotonic clock, in milliseconds. It stays the same until the wall clock is
 * stepped, or the machine is suspended.
 */
export const wallGapMs = ({ wallMs, monotonicMs }: Stamp): number => wallMs - monotonicMs;

/**
 * How much shorter than its TTL a grant is valid, in milliseconds: `driftFactor` of the TTL for clocks that
 * run at different rates, 1 ms for Redis' expiry step, and 1 ms for very small TTLs. See "Safety arguments"
 * in the Redlock specification.
 */
export const driftMsOf = (ttlMs: number, driftFactor: number): number => Math.ceil(ttlMs * driftFactor) + 2;

/**
 * The time since a stamp in milliseconds, by the clock that moved further. When the machine was suspended,
 * the monotonic clock stopped and the wall clock is right. When the wall clock was stepped back, the
 * monotonic clock is right.
 */
export const elapsedMs = (since: Stamp, now: Stamp): number =>
  Math.max(now.monotonicMs - since.monotonicMs, now.wallMs - since.wallMs);

/** What the nodes were asked to keep, and when. `sentAt` is read before the first byte is sent. */
export interface Grant {
  readonly sentAt: Stamp;
  readonly ttlMs: number;
  readonly driftMs: number;
}

/** When validity ends unless it is extended, on the monotonic clock. */
export const endOf = ({ sentAt, ttlMs, driftMs }: Grant): number => sentAt.monotonicMs + ttlMs - driftMs;

/** The grant that ends later: an extension never shortens. */
export const laterOf = (grant: Grant, extension: Grant): Grant =>
  endOf(extension) > endOf(grant) ? extension : grant;

/**
 * The validity left in milliseconds, by the clock that moved further. At zero or less, the keys may have
 * expired.
 */
export const validityLeftMs = (grant: Grant, now: Stamp): number =>
  grant.ttlMs - grant.driftMs - elapsedMs(grant.sentAt, now);

/**
 * The validity left by the monotonic clock alone. If only the wall clock says that it ran out, the nodes are
 * asked.
 */
export const monotonicValidityLeftMs = (grant: Grant, nowMs: number): number =>
  grant.ttlMs - grant.driftMs - (nowMs - grant.sentAt.monotonicMs);
