/**
 * An instant on two clocks, read together: the monotonic one measures durations, because a wall clock may be stepped;
 * the wall clock tells when the machine was suspended, because the monotonic one stops then.
 */
export interface Stamp {
  /** Milliseconds on a clock that never steps; its zero means nothing. */
  readonly monotonicMs: number;
  /** Milliseconds since the Unix epoch. */
  readonly wallMs: number;
}

/**
 * Room for clocks that run at different rates, plus Redis' own 1 ms expiry step and 1 ms for very small TTLs.
 * See "Safety arguments" in the Redlock specification.
 */
export const driftMsOf = (ttlMs: number, driftFactor: number): number => Math.ceil(ttlMs * driftFactor) + 2;

/**
 * Time passed since a stamp, by the clock that moved further. The monotonic clock stops while the machine is suspended,
 * and then the wall clock is right; when the wall clock is stepped back, the monotonic one is.
 */
export const elapsedMs = (since: Stamp, now: Stamp): number =>
  Math.max(now.monotonicMs - since.monotonicMs, now.wallMs - since.wallMs);

/** What a node was asked to keep, and when it was asked: `sentAt` is read before the first byte leaves. */
export interface Grant {
  readonly sentAt: Stamp;
  readonly ttlMs: number;
  readonly driftMs: number;
}

/** Validity left, by the clock that moved further: zero or less once the keys may have expired. */
export const validityLeftMs = (grant: Grant, now: Stamp): number =>
  grant.ttlMs - grant.driftMs - elapsedMs(grant.sentAt, now);

/** Validity left by the monotonic clock alone. Where only the wall clock says that it ran out, the nodes are asked. */
export const monotonicValidityLeftMs = (grant: Grant, nowMs: number): number =>
  grant.ttlMs - grant.driftMs - (nowMs - grant.sentAt.monotonicMs);

/**
 * How long before the end of validity the loss of a lease is told: a timer fires late, and the holder needs a moment to
 * stop. 5 % of the TTL, at most 100 ms.
 */
export const lossMarginMs = (ttlMs: number): number => Math.min(100, ttlMs * 0.05);
