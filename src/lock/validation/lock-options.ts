import { LOCK_DEFAULTS } from '../../api/defaults.js';
import type { LockOptions } from '../../api/options.js';
import type { ResolvedLockOptions } from '../../api/resolved-options.js';
import type { Backoff } from '../../core/backoff.js';
import { longestNodeTimeoutMs } from '../../core/extension-schedule.js';
import { LONGEST_NODE_TIMEOUT_MS } from '../../core/quarantine.js';
import { checkBoolean, checkInteger, checkTtlMs, LONGEST_MS, optionsOf, shown } from './checks.js';

export const LOCK_OPTIONS = optionsOf<LockOptions>({
  ttlMs: true,
  retries: true,
  retryDelayMs: true,
  backoff: true,
  waitMs: true,
  autoExtend: true,
  minHoldMs: true,
  maxHoldMs: true,
  nodeTimeoutMs: true,
});

/** Checks the options of a lock, each by itself and in relation to the others. */
export function resolveLockOptions(
  options: LockOptions,
  defaults: LockOptions,
  maxTtlMs: number,
): ResolvedLockOptions {
  const pick = <K extends keyof LockOptions>(option: K): LockOptions[K] =>
    options[option] ?? defaults[option];
  const milliseconds = (option: 'retryDelayMs' | 'waitMs' | 'minHoldMs', least: number): number =>
    checkInteger(option, pick(option) ?? LOCK_DEFAULTS[option], least, LONGEST_MS);

  const ttlMs = checkTtlMs(pick('ttlMs') ?? Math.min(LOCK_DEFAULTS.ttlMs, maxTtlMs));
  const retries = checkInteger('retries', pick('retries') ?? LOCK_DEFAULTS.retries, 0, LONGEST_MS);
  const retryDelayMs = milliseconds('retryDelayMs', 1);
  const waitMs = milliseconds('waitMs', 0);
  if (retries > 0 && waitMs > 0) {
    throw new RangeError(
      `retries (${retries}) and waitMs (${waitMs}) exclude each other: count attempts, or bound the wait`,
    );
  }
  const minHoldMs = milliseconds('minHoldMs', 0);
  if (minHoldMs > ttlMs) throw new RangeError(`minHoldMs (${minHoldMs}) must not be above ttlMs (${ttlMs})`);
  const maxHold = pick('maxHoldMs');
  const maxHoldMs = maxHold === undefined ? undefined : checkInteger('maxHoldMs', maxHold, 1, LONGEST_MS);
  if (maxHoldMs !== undefined && maxHoldMs < ttlMs) {
    throw new RangeError(`maxHoldMs (${maxHoldMs}) must not be below ttlMs (${ttlMs})`);
  }
  const longestMs = longestNodeTimeoutMs(ttlMs);
  const nodeTimeoutMs = checkInteger(
    'nodeTimeoutMs',
    pick('nodeTimeoutMs') ?? Math.min(LOCK_DEFAULTS.nodeTimeoutMs, longestMs),
    1,
    longestMs,
    `; the upper bound is a third of ttlMs (${ttlMs}), so that an extension can be tried again ` +
      `before the lease ends, and ${LONGEST_NODE_TIMEOUT_MS} ms at most`,
  );
  return {
    ttlMs,
    retries,
    retryDelayMs,
    backoff: checkBackoff(pick('backoff') ?? LOCK_DEFAULTS.backoff),
    waitMs,
    autoExtend: checkBoolean('autoExtend', pick('autoExtend') ?? LOCK_DEFAULTS.autoExtend),
    minHoldMs,
    maxHoldMs,
    nodeTimeoutMs,
  };
}

function checkBackoff(backoff: unknown): Backoff {
  if (backoff === 'constant' || backoff === 'exponential') return backoff;
  if (typeof backoff === 'function') return backoff as Backoff;
  throw new TypeError(`backoff must be 'constant', 'exponential' or a function, got ${shown(backoff)}`);
}
