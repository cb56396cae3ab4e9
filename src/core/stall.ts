import { staleAfterMs } from './extension-schedule.js';

/**
 * Whether the worker thread extends the main thread's leases: the main thread has not run for a while, but
 * for less than `maxStallMs`. After that it counts as hung, and its locks are left to expire.
 */
export const isStalled = (heartbeatAgeMs: number, ttlMs: number, maxStallMs: number): boolean =>
  heartbeatAgeMs >= staleAfterMs(ttlMs) && heartbeatAgeMs < maxStallMs;
