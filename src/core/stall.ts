/** Before that, a loop is only busy. */
const SHORTEST_STALE_MS = 50;
const LONGEST_STALE_MS = 1_000;
/** A third of the TTL is for the main thread's own extension; then there must be time left to notice, and to ask twice. */
const STALE_AFTER = 1 / 6;
const BEATS = 4;

/** How old the main thread's last heartbeat is when others may act in its place, by the shortest TTL that it holds. */
export const staleAfterMs = (ttlMs: number): number =>
  Math.min(LONGEST_STALE_MS, Math.max(SHORTEST_STALE_MS, ttlMs * STALE_AFTER));

/** How often the main thread shows that it runs, so that a single beat that is late does not look like a stall. */
export const beatMs = (ttlMs: number): number => staleAfterMs(ttlMs) / BEATS;

/**
 * Whether the main thread's leases may be extended for it: it does not run, but not yet for so long that it must be taken
 * for hung, and its locks be left to others.
 */
export const isStalled = (heartbeatAgeMs: number, ttlMs: number, maxStallMs: number): boolean =>
  heartbeatAgeMs >= staleAfterMs(ttlMs) && heartbeatAgeMs < maxStallMs;
