import type { AcquireOptions } from '../index.js';
import { assertBoolean, assertCount, assertOneOf, show } from './check-options.js';
import { durationToMs } from './duration.js';
import { DEFAULT_TTL_MS, type LockSettings, type OnHeld } from './lock-settings.js';
import { sharedByCopies } from './shared-by-copies.js';

/** A decorator's settings, checked and in milliseconds: the part of `AcquireOptions` that they decide. */
export type NormalizedOptions = Pick<
  AcquireOptions,
  | 'ttlMs'
  | 'retries'
  | 'retryDelayMs'
  | 'backoff'
  | 'wait'
  | 'waitMs'
  | 'minHoldMs'
  | 'maxHoldMs'
  | 'autoExtend'
>;

/** The shortest `ttlMs` that a `LockManager` takes. */
const SHORTEST_TTL_MS = 10;

const longest = sharedByCopies('longest-decorated-ttl:1', () => ({ ttlMs: 0 }));

/**
 * The longest `ttl` that any decorator has asked for so far, in milliseconds. Decorators run when their file
 * is imported, before any module creates its manager, so `maxTtlMs` can follow this.
 */
export function longestDecoratedTtlMs(): number {
  return longest.ttlMs;
}

/**
 * Checks the settings of one decorator and converts them to milliseconds. `where` is the decorator and its
 * method, for the errors. The result has only the options that were given.
 *
 * @throws TypeError or RangeError that names the option, the value and the bound.
 */
export function normalizeOptions(
  where: string,
  settings: LockSettings,
  onHeld: OnHeld | undefined,
): NormalizedOptions {
  const { retries, backoff, autoExtend } = settings;
  const ttlMs = durationToMs(where, 'ttl', settings.ttl, { unit: 'seconds', leastMs: SHORTEST_TTL_MS });
  assertCount(where, 'retries', retries);
  const retryDelayMs = durationToMs(where, 'retryDelay', settings.retryDelay, {
    unit: 'milliseconds',
    leastMs: 1,
  });
  const wait = settings.wait === true ? true : undefined;
  const waitMs =
    settings.wait === true
      ? undefined
      : durationToMs(where, 'wait', settings.wait, { unit: 'seconds', leastMs: 1 });
  if (typeof backoff !== 'function') assertOneOf(where, 'backoff', backoff, ['constant', 'exponential']);
  const minHoldMs = durationToMs(where, 'minHold', settings.minHold, { unit: 'seconds', leastMs: 0 });
  const maxHoldMs = durationToMs(where, 'maxHold', settings.maxHold, { unit: 'seconds', leastMs: 1 });
  assertBoolean(where, 'autoExtend', autoExtend);
  if (settings.wait !== undefined && onHeld !== 'wait') {
    throw new RangeError(`${where}: wait (${show(settings.wait)}) needs onHeld: 'wait'`);
  }
  if (onHeld === 'wait' && (retries ?? 0) > 0) {
    throw new RangeError(`${where}: retries (${retries}) and onHeld: 'wait' exclude each other`);
  }
  const options = { ttlMs, retries, retryDelayMs, backoff, wait, waitMs, minHoldMs, maxHoldMs, autoExtend };
  assertHoldsFit(where, options, ttlMs ?? DEFAULT_TTL_MS);
  longest.ttlMs = Math.max(longest.ttlMs, ttlMs ?? 0);
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/**
 * Throws a `RangeError` unless `minHold` <= `ttl` <= `maxHold`. The decorator checks this, and so does the
 * module when the application starts, because the module's options may bring another `ttl`.
 */
export function assertHoldsFit(
  where: string,
  { minHoldMs, maxHoldMs }: { minHoldMs?: number | undefined; maxHoldMs?: number | undefined },
  ttlMs: number,
): void {
  if (minHoldMs !== undefined && minHoldMs > ttlMs) {
    throw new RangeError(
      `${where}: minHold (${minHoldMs / 1_000} s) must not be above ttl (${ttlMs / 1_000} s)`,
    );
  }
  if (maxHoldMs !== undefined && maxHoldMs < ttlMs) {
    throw new RangeError(
      `${where}: maxHold (${maxHoldMs / 1_000} s) must not be below ttl (${ttlMs / 1_000} s)`,
    );
  }
}
