import { safeWarn } from '../../api/callbacks.js';
import {
  LOCK_DEFAULTS,
  type Acknowledgement,
  type AcquireOptions,
  type CloseOptions,
  type LockManagerOptions,
  type LockOptions,
  type ResolvedAcquireOptions,
  type ResolvedLockOptions,
  type ResolvedManagerOptions,
} from '../../api/options.js';
import type { Backoff } from '../../core/backoff.js';
import { longestNodeTimeoutMs } from '../../core/extension-schedule.js';
import { LEDGER_TTL_MS, SHORTEST_FENCE_TTL_MS } from '../../core/fencing.js';
import { LONGEST_NODE_TIMEOUT_MS } from '../../core/quarantine.js';
import {
  checkBoolean,
  checkInteger,
  checkKnownOptions,
  checkName,
  checkTtlMs,
  LONGEST_MS,
  SHORTEST_TTL_MS,
  shown,
} from './checks.js';
import { defaultHolder, LONGEST_HOLDER } from './default-holder.js';

/** The names of all options of a type. The compiler demands that none is missing. */
export const optionsOf = <Options>(
  options: Readonly<Record<keyof Options, true>>,
): readonly (keyof Options)[] => Object.keys(options) as (keyof Options)[];

const LOCK_OPTIONS = optionsOf<LockOptions>({
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
const MANAGER_OPTIONS: readonly (keyof LockManagerOptions)[] = [
  ...LOCK_OPTIONS,
  ...optionsOf<Omit<LockManagerOptions, keyof LockOptions>>({
    nodes: true,
    keyPrefix: true,
    maxTtlMs: true,
    restartQuarantine: true,
    driftFactor: true,
    fencing: true,
    fenceTtlMs: true,
    fallback: true,
    lazyConnect: true,
    acknowledge: true,
    maxStallMs: true,
    holder: true,
    warn: true,
  }),
];
const KNOWN_TO_ACQUIRE: ReadonlySet<string> = new Set(ACQUIRE_OPTIONS);
const KNOWN_TO_MANAGER: ReadonlySet<string> = new Set(MANAGER_OPTIONS);
const KNOWN_TO_CLOSE: ReadonlySet<string> = new Set(
  optionsOf<CloseOptions>({ drainMs: true, leaveKeys: true }),
);

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

/** Checks the options of `close`. */
export function resolveCloseOptions(options: CloseOptions): {
  readonly drainMs: number;
  readonly leaveKeys: boolean;
} {
  checkKnownOptions(options, KNOWN_TO_CLOSE, 'close');
  return {
    drainMs: checkInteger('drainMs', options.drainMs ?? 0, 0, LONGEST_MS),
    leaveKeys: checkBoolean('leaveKeys', options.leaveKeys ?? false),
  };
}

/**
 * Checks the options of the acquire calls of one manager. A program passes the same options again and again;
 * so the last result is remembered, unless it belongs to one call only (`signal`, `tick`).
 */
export class AcquireOptionsResolver {
  #last: { readonly options: AcquireOptions; readonly result: ResolvedAcquireOptions } | undefined;

  constructor(private readonly manager: ResolvedManagerOptions) {}

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

/** The kind of the fallback. What a database is given is read like a node. */
function fallbackIn(fallback: unknown): ResolvedManagerOptions['fallback'] {
  if (fallback === 'none' || fallback === 'memory') return fallback;
  const isNode = typeof fallback === 'object' && fallback !== null;
  if (isNode && ('postgres' in fallback || 'ask' in fallback)) return 'node';
  const given = isNode ? 'another object' : shown(fallback);
  throw new RangeError(`fallback must be 'none', 'memory' or { postgres }, got ${given}`);
}

/** Checks the options of a manager, except for its nodes. */
export function resolveManagerOptions(options: LockManagerOptions): ResolvedManagerOptions {
  checkKnownOptions(options, KNOWN_TO_MANAGER, 'LockManager');
  const keyPrefix = options.keyPrefix ?? LOCK_DEFAULTS.keyPrefix;
  if (typeof keyPrefix !== 'string')
    throw new TypeError(`keyPrefix must be a string, got ${shown(keyPrefix)}`);
  // Redis would store each half of a pair as the same replacement character.
  if (/\p{Cs}/u.test(keyPrefix))
    throw new RangeError(
      `keyPrefix must be well-formed Unicode, got half a pair: ${JSON.stringify(keyPrefix).slice(0, 80)}`,
    );
  const maxTtlMs = checkInteger(
    'maxTtlMs',
    options.maxTtlMs ?? LOCK_DEFAULTS.maxTtlMs,
    SHORTEST_TTL_MS,
    LONGEST_MS,
  );
  const driftFactor = options.driftFactor ?? LOCK_DEFAULTS.driftFactor;
  if (typeof driftFactor !== 'number')
    throw new TypeError(`driftFactor must be a number, got ${shown(driftFactor)}`);
  if (!(driftFactor >= 0 && driftFactor <= 0.5)) {
    throw new RangeError(`driftFactor must be from 0 to 0.5, got ${driftFactor}`);
  }
  const fallback = fallbackIn(options.fallback ?? LOCK_DEFAULTS.fallback);
  const { warn } = options;
  if (warn !== undefined && typeof warn !== 'function') {
    throw new TypeError(`warn must be a function, got ${shown(warn)}`);
  }
  const lockDefaults: LockOptions = Object.fromEntries(
    LOCK_OPTIONS.filter((option) => options[option] !== undefined).map((option) => [option, options[option]]),
  );
  resolveLockOptions({}, lockDefaults, maxTtlMs);
  return {
    keyPrefix,
    maxTtlMs,
    restartQuarantine: checkQuarantine(
      options.restartQuarantine ?? LOCK_DEFAULTS.restartQuarantine,
      maxTtlMs,
    ),
    driftFactor,
    fencing: checkBoolean('fencing', options.fencing ?? LOCK_DEFAULTS.fencing),
    fenceTtlMs: checkInteger(
      'fenceTtlMs',
      options.fenceTtlMs ?? LOCK_DEFAULTS.fenceTtlMs,
      SHORTEST_FENCE_TTL_MS,
      LEDGER_TTL_MS,
    ),
    fallback,
    lazyConnect: checkBoolean('lazyConnect', options.lazyConnect ?? LOCK_DEFAULTS.lazyConnect),
    acknowledge: checkAcknowledgement(options),
    maxStallMs: checkInteger('maxStallMs', options.maxStallMs ?? LOCK_DEFAULTS.maxStallMs, 0, LONGEST_MS),
    holder: checkHolder(options.holder ?? defaultHolder()),
    warn: safeWarn(warn ?? ((message) => process.emitWarning(message, 'QuorlockWarning'))),
    lockDefaults,
  };
}

function checkQuarantine(value: unknown, maxTtlMs: number): 'auto' | 'off' | number {
  if (value === 'auto' || value === 'off') return value;
  if (typeof value !== 'number') {
    throw new TypeError(`restartQuarantine must be 'auto', 'off' or a number, got ${shown(value)}`);
  }
  return checkInteger('restartQuarantine', value, maxTtlMs, LONGEST_MS, '; the lower bound is maxTtlMs');
}

const KNOWN_TO_ACKNOWLEDGE: ReadonlySet<string> = new Set(
  optionsOf<Acknowledgement>({ replicas: true, timeoutMs: true, onDisk: true }),
);
const MOST_REPLICAS = 100;
/** Below the time after which a connection on which the server is silent is given up. */
const LONGEST_WAIT_MS = 1_000;

function checkAcknowledgement({
  acknowledge,
  maxStallMs = 0,
}: LockManagerOptions): ResolvedManagerOptions['acknowledge'] {
  if (acknowledge === undefined) return undefined;
  if (typeof acknowledge !== 'object' || acknowledge === null)
    throw new TypeError(`acknowledge must be an object with replicas, got ${shown(acknowledge)}`);
  checkKnownOptions(acknowledge, KNOWN_TO_ACKNOWLEDGE, 'acknowledge');
  if (maxStallMs > 0)
    throw new RangeError('acknowledge and maxStallMs exclude each other: the worker thread asks no replica');
  const { replicas, timeoutMs = LOCK_DEFAULTS.acknowledgeTimeoutMs } = acknowledge;
  const onDisk = checkBoolean('acknowledge.onDisk', acknowledge.onDisk ?? LOCK_DEFAULTS.acknowledgeOnDisk);
  return {
    replicas: checkInteger('acknowledge.replicas', replicas, onDisk ? 0 : 1, MOST_REPLICAS),
    onDisk,
    timeoutMs: checkInteger('acknowledge.timeoutMs', timeoutMs, 1, LONGEST_WAIT_MS),
  };
}

function checkHolder(holder: unknown): string {
  if (typeof holder !== 'string') throw new TypeError(`holder must be a string, got ${shown(holder)}`);
  if (holder.length > LONGEST_HOLDER || !/^[\x21-\x7e]*$/.test(holder)) {
    throw new RangeError(
      `holder must be 0 to 128 printable ASCII characters without spaces, got ${shown(holder)}`,
    );
  }
  return holder;
}
