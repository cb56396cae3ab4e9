import { LOCK_DEFAULTS } from '../../api/defaults.js';
import type { AcquireOptions, LockOptions } from '../../api/options.js';
import type {
  ResolvedAcquireOptions,
  ResolvedLockOptions,
  ResolvedManagerOptions,
} from '../../api/resolved-options.js';
import {
  checkBoolean,
  checkInteger,
  checkKnownOptions,
  checkName,
  LONGEST_MS,
  LONGEST_TTL_MS,
  optionsOf,
  SHORTEST_TTL_MS,
  shown,
} from './checks.js';
import { LOCK_OPTIONS, resolveLockOptions } from './lock-options.js';

export const ACQUIRE_OPTIONS: readonly (keyof AcquireOptions)[] = [
  ...LOCK_OPTIONS,
  ...optionsOf<Omit<AcquireOptions, keyof LockOptions>>({
    signal: true,
    wait: true,
    name: true,
    tick: true,
    retry: true,
    attempts: true,
  }),
];
const KNOWN_TO_ACQUIRE: ReadonlySet<string> = new Set(ACQUIRE_OPTIONS);

/**
 * Checks the options of the acquire calls of one manager. A program passes the same options again and again;
 * so the last result is remembered, unless it belongs to one call only (`signal`, `tick`).
 */
export class AcquireOptionsResolver {
  #last: { readonly options: AcquireOptions; readonly result: ResolvedAcquireOptions } | undefined;

  constructor(
    private readonly manager: Pick<ResolvedManagerOptions, 'lockDefaults' | 'maxTtlMs' | 'fencing'>,
  ) {}

  resolve(options: AcquireOptions): ResolvedAcquireOptions {
    checkKnownOptions(options, KNOWN_TO_ACQUIRE, 'acquire');
    if (this.#last !== undefined && haveSameValues(this.#last.options, options)) return this.#last.result;
    const result = this.#resolveAnew(options);
    if (result.signal === undefined && result.tick === undefined) {
      // A copy, because the caller's object may change, and may inherit options from its prototype.
      const copy = Object.fromEntries(ACQUIRE_OPTIONS.map((option) => [option, options[option]]));
      this.#last = { options: copy, result };
    }
    return result;
  }

  #resolveAnew(options: AcquireOptions): ResolvedAcquireOptions {
    const { lockDefaults, maxTtlMs, fencing } = this.manager;
    const { signal, tick } = options;
    const retry = checkBoolean('retry', options.retry ?? LOCK_DEFAULTS.retry);
    const attempts =
      options.attempts === undefined ? undefined : checkInteger('attempts', options.attempts, 1, LONGEST_MS);
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw new TypeError(`signal must be an AbortSignal, got ${shown(signal)}`);
    }
    if (tick !== undefined) {
      checkInteger('tick', tick, 0, Number.MAX_SAFE_INTEGER);
      if (!fencing) throw new RangeError('tick needs the option fencing, with which it is recorded');
    }
    if (retry && tick === undefined) throw new RangeError('retry needs the option tick, which it is about');
    if (attempts !== undefined && !retry)
      throw new RangeError(`attempts (${attempts}) needs the option retry: without it a tick is run once`);
    const lock = resolveLockOptions(options, lockDefaults, maxTtlMs);
    const wait = checkWait(options, lock);
    return {
      ...lock,
      waitMs: wait ? Number.POSITIVE_INFINITY : lock.waitMs,
      signal,
      wait,
      name: checkName(options.name ?? LOCK_DEFAULTS.name),
      tick,
      retry,
      attempts,
    };
  }
}

function checkWait(options: AcquireOptions, { retries }: ResolvedLockOptions): boolean {
  const { waitMs } = options;
  const wait = checkBoolean('wait', options.wait ?? LOCK_DEFAULTS.wait);
  if (wait && waitMs !== undefined)
    throw new RangeError(`wait (true) and waitMs (${waitMs}) exclude each other: the one has no end`);
  if (wait && retries > 0)
    throw new RangeError(`wait (true) and retries (${retries}) exclude each other: it waits without an end`);
  return wait;
}

function haveSameValues(one: AcquireOptions, other: AcquireOptions): boolean {
  for (const option of ACQUIRE_OPTIONS) if (one[option] !== other[option]) return false;
  return true;
}

/**
 * Throws a TypeError or a RangeError for options that no manager would take. What depends on the TTL of the
 * manager, such as the upper bound of `minHoldMs`, is left to the call.
 */
export function assertAcquireOptions(options: AcquireOptions): void {
  const resolve = (given: AcquireOptions, ttlMs: number): unknown =>
    new AcquireOptionsResolver({
      lockDefaults: { ttlMs },
      maxTtlMs: LOCK_DEFAULTS.maxTtlMs,
      fencing: LOCK_DEFAULTS.fencing,
    }).resolve(given);
  if (options.ttlMs !== undefined) resolve(options, options.ttlMs);
  else {
    resolve({ ...options, maxHoldMs: undefined }, LONGEST_TTL_MS);
    resolve({ maxHoldMs: options.maxHoldMs }, SHORTEST_TTL_MS);
  }
}
