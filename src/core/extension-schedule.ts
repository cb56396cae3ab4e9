import { LONGEST_NODE_TIMEOUT_MS } from './quarantine.js';
import { endOf, type Grant } from './validity.js';

/**
 * When a lease is extended, and when it is given up: the whole cadence, as fractions of the TTL.
 *
 * ```
 * sent             1/3                                            validity ends (TTL - drift)
 *  |----------------|-----|-----|-----|------------------------|------|
 *                  due   again after each failure             lost
 * ```
 *
 * A third for the first extension leaves time for two failures and a third try. A lease is lost a margin
 * before its validity ends.
 */
const EXTEND_AFTER = 1 / 3;
/**
 * Leases whose extensions are due within this fraction of the TTL are extended together, in one call for each
 * node.
 */
const TOGETHER = 1 / 32;
const RETRY_AFTER = 1 / 10;
const LONGEST_RETRY_MS = 1_000;
const LOSS_MARGIN = 1 / 20;
const LONGEST_LOSS_MARGIN_MS = 100;
const SECOND_LOOK_AFTER_MS = 20;

/**
 * When the extension that follows this grant is due: after a third of the TTL, rounded to a grid of 1/32 of
 * the TTL.
 */
export function extensionDueAt({ sentAt, ttlMs }: Grant): number {
  const gridMs = ttlMs * TOGETHER;
  return Math.round((sentAt.monotonicMs + ttlMs * EXTEND_AFTER) / gridMs) * gridMs;
}

/** The pause after an extension that failed, in milliseconds: a tenth of the TTL, at most one second. */
export const extensionRetryMs = (ttlMs: number): number => Math.min(LONGEST_RETRY_MS, ttlMs * RETRY_AFTER);

/**
 * When to ask again after a majority refused an extension for the first time. The owners that refused may be
 * clients that lose their round: their keys are gone after 20 ms. The key of a holder is still there.
 */
export const secondLookAt = (nowMs: number): number => nowMs + SECOND_LOOK_AFTER_MS;

/**
 * How long before the end of its validity a lease is lost, in milliseconds: 5 % of the TTL, at most 100 ms.
 * Timers fire late, and the holder needs a moment to stop.
 */
export const lossMarginMs = (ttlMs: number): number => Math.min(LONGEST_LOSS_MARGIN_MS, ttlMs * LOSS_MARGIN);

/** When a lease is lost unless it is extended before, in milliseconds of the monotonic clock. */
export const lostAt = (grant: Grant): number => endOf(grant) - lossMarginMs(grant.ttlMs);

/**
 * The longest node timeout, in milliseconds: it leaves time for a second extension after a timeout, and no
 * request may be on its way for longer than `LONGEST_NODE_TIMEOUT_MS`.
 */
export const longestNodeTimeoutMs = (ttlMs: number): number =>
  Math.min(LONGEST_NODE_TIMEOUT_MS, Math.floor(ttlMs / 3));

/**
 * The second cadence belongs to the worker thread that extends leases while the event loop of the main thread
 * is blocked. It begins a little after the first third, in which the main thread extends, and must leave time
 * to notice the stall, to ask, and to ask again. So a heartbeat counts as old after a sixth of the TTL.
 */
const REMOTE_LEFT = 0.6;
const STALE_AFTER = 1 / 6;
/** A younger heartbeat does not mean a stall: the event loop is only busy. */
const SHORTEST_STALE_MS = 50;
const LONGEST_STALE_MS = 1_000;
const BEATS = 4;

/**
 * When the worker thread may extend a lease: 60 % of the TTL before `validUntil`, the end of its validity.
 */
export const remoteExtensionDueAt = (validUntil: number, ttlMs: number): number =>
  validUntil - ttlMs * REMOTE_LEFT;

/**
 * How old the main thread's last heartbeat must be before the worker thread acts, in milliseconds: a sixth of
 * `ttlMs`, from 50 ms to one second. `ttlMs` is the shortest TTL that is held.
 */
export const staleAfterMs = (ttlMs: number): number =>
  Math.min(LONGEST_STALE_MS, Math.max(SHORTEST_STALE_MS, ttlMs * STALE_AFTER));

/**
 * The time between two heartbeats of the main thread, in milliseconds: a quarter of `staleAfterMs`, so that
 * one late heartbeat does not look like a stall.
 */
export const beatMs = (ttlMs: number): number => staleAfterMs(ttlMs) / BEATS;
