/** A heartbeat younger than this does not mean a stall, in milliseconds: the event loop is only busy. */
const SHORTEST_STALE_MS = 50;
const LONGEST_STALE_MS = 1_000;
/**
 * A fraction of the TTL. The main thread extends at a third of it; after that, time must be left to notice
 * and to ask twice.
 */
const STALE_AFTER = 1 / 6;
/** Heartbeats in that time, so that a single late one does not look like a stall. */
const BEATS = 4;

/**
 * How old the main thread's last heartbeat must be before the worker thread extends its leases, in
 * milliseconds: a sixth of `ttlMs`, from 50 ms to one second. `ttlMs` is the shortest TTL of these leases.
 */
export const staleAfterMs = (ttlMs: number): number =>
  Math.min(LONGEST_STALE_MS, Math.max(SHORTEST_STALE_MS, ttlMs * STALE_AFTER));

/** The time between two heartbeats of the main thread, in milliseconds: a quarter of `staleAfterMs`. */
export const beatMs = (ttlMs: number): number => staleAfterMs(ttlMs) / BEATS;

/**
 * Whether the worker thread extends the main thread's leases: the main thread has not run for a while, but
 * for less than `maxStallMs`. After that it counts as hung, and its locks are left to expire.
 */
export const isStalled = (heartbeatAgeMs: number, ttlMs: number, maxStallMs: number): boolean =>
  heartbeatAgeMs >= staleAfterMs(ttlMs) && heartbeatAgeMs < maxStallMs;
