/** Half to one and a half times the delay, so that clients that failed together do not try again together. */
export const jitteredMs = (delayMs: number, random: number): number => delayMs * (0.5 + random);

const YIELD_FIRST_MS = 2;
const YIELD_LONGEST_MS = 50;

/**
 * How long a claimant that yielded a split vote waits before it looks again: twice what the last round took, doubled
 * with each look, jittered, never above 75 ms.
 */
export const yieldDelayMs = (look: number, roundMs: number, random: number): number =>
  jitteredMs(Math.min(YIELD_LONGEST_MS, Math.max(YIELD_FIRST_MS, 2 * roundMs) * 2 ** look), random);

const RECONNECT_FIRST_MS = 50;
const RECONNECT_LONGEST_MS = 1_000;

/** The pause before the n-th attempt (from 1) to reconnect to a node: doubling from 50 ms to a second, jittered. */
export const reconnectDelayMs = (attempt: number, random: number): number =>
  jitteredMs(Math.min(RECONNECT_LONGEST_MS, RECONNECT_FIRST_MS * 2 ** Math.min(attempt - 1, 10)), random);

/**
 * How long to wait for keys that live so much longer: past the last of their milliseconds, and a little apart from others
 * who wait for the same.
 */
export const pastExpiryMs = (remainingMs: number, random: number): number => remainingMs + 1 + 9 * random;

/** How long one waits for more nodes to say that a resource is free: a few milliseconds, not the same for all who wait. */
export const splitWakeMs = (random: number): number => 2 + 6 * random;
