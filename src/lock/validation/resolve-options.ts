import { hostname } from 'node:os';
import {
  LOCK_DEFAULTS,
  type AcquireOptions,
  type LockManagerOptions,
  type LockOptions,
  type ResolvedAcquireOptions,
  type ResolvedLockOptions,
  type ResolvedManagerOptions,
} from '../../api/options.js';
import { longestNodeTimeoutMs } from '../../core/extension-schedule.js';
import { shown } from './checks.js';

const SHORTEST_TTL_MS = 10;
/** The longest delay of a Node timer, and so of anything that is waited for. */
const LONGEST_MS = 2 ** 31 - 1;

const LOCK_OPTIONS = [
  'ttlMs',
  'retries',
  'retryDelayMs',
  'waitMs',
  'autoExtend',
  'minHoldMs',
  'maxHoldMs',
  'nodeTimeoutMs',
] as const;
const ACQUIRE_OPTIONS: ReadonlySet<string> = new Set([...LOCK_OPTIONS, 'signal', 'name', 'tick']);
const MANAGER_OPTIONS: ReadonlySet<string> = new Set([
  ...LOCK_OPTIONS,
  'nodes',
  'keyPrefix',
  'maxTtlMs',
  'restartQuarantine',
  'driftFactor',
  'fencing',
  'fallback',
  'maxStallMs',
  'holder',
  'warn',
]);

/** Refuses what is not an option at all: a misspelt option must not silently mean its default. */
function assertKnownOptions(options: object, known: ReadonlySet<string>, where: string): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    // Not shown: whoever takes a url for the options has put a password there.
    const given = options === null ? 'null' : Array.isArray(options) ? 'a list' : `a ${typeof options}`;
    throw new TypeError(`${where} takes an object of options, got ${given}`);
  }
  for (const option in options) {
    if (!known.has(option)) {
      throw new TypeError(`${where}: unknown option "${option}"; the options are ${[...known].join(', ')}`);
    }
  }
}

function integer(option: string, value: unknown, least: number, most: number, why = ''): number {
  if (typeof value !== 'number') throw new TypeError(`${option} must be a number, got ${shown(value)}`);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${option} must be an integer from ${least} to ${most}, got ${value}${why}`);
  }
  return value;
}

function boolean(option: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw new TypeError(`${option} must be true or false, got ${shown(value)}`);
  return value;
}

/** Checks the options of a lock, each by itself and in relation to the others. */
export function resolveLockOptions(
  options: LockOptions,
  defaults: LockOptions,
  maxTtlMs: number,
): ResolvedLockOptions {
  const pick = <K extends keyof LockOptions>(option: K): LockOptions[K] =>
    options[option] ?? defaults[option];
  const ttlMs = integer(
    'ttlMs',
    pick('ttlMs') ?? Math.min(LOCK_DEFAULTS.ttlMs, maxTtlMs),
    SHORTEST_TTL_MS,
    maxTtlMs,
    '; the upper bound is maxTtlMs, for as long as which a node that lost its data has to keep out of votes. ' +
      'A held lease is extended by itself, so a long job needs no long TTL',
  );
  const retries = integer('retries', pick('retries') ?? LOCK_DEFAULTS.retries, 0, LONGEST_MS);
  const retryDelayMs = integer(
    'retryDelayMs',
    pick('retryDelayMs') ?? LOCK_DEFAULTS.retryDelayMs,
    1,
    LONGEST_MS,
  );
  const waitMs = integer('waitMs', pick('waitMs') ?? LOCK_DEFAULTS.waitMs, 0, LONGEST_MS);
  if (retries > 0 && waitMs > 0) {
    throw new RangeError(
      `retries (${retries}) and waitMs (${waitMs}) exclude each other: count attempts, or bound the wait`,
    );
  }
  const minHoldMs = integer('minHoldMs', pick('minHoldMs') ?? LOCK_DEFAULTS.minHoldMs, 0, LONGEST_MS);
  if (minHoldMs > ttlMs) throw new RangeError(`minHoldMs (${minHoldMs}) must not be above ttlMs (${ttlMs})`);
  const maxHold = pick('maxHoldMs');
  const maxHoldMs = maxHold === undefined ? undefined : integer('maxHoldMs', maxHold, 1, LONGEST_MS);
  if (maxHoldMs !== undefined && maxHoldMs < ttlMs) {
    throw new RangeError(`maxHoldMs (${maxHoldMs}) must not be below ttlMs (${ttlMs})`);
  }
  const longestMs = longestNodeTimeoutMs(ttlMs);
  const nodeTimeoutMs = integer(
    'nodeTimeoutMs',
    pick('nodeTimeoutMs') ?? Math.min(LOCK_DEFAULTS.nodeTimeoutMs, longestMs),
    1,
    longestMs,
    `; the upper bound is a third of ttlMs (${ttlMs}), so that an extension can be tried again before the lease ends`,
  );
  return {
    ttlMs,
    retries,
    retryDelayMs,
    waitMs,
    autoExtend: boolean('autoExtend', pick('autoExtend') ?? LOCK_DEFAULTS.autoExtend),
    minHoldMs,
    maxHoldMs,
    nodeTimeoutMs,
  };
}

/** Checks what `close` was given; returns for how long it waits. */
export function resolveDrainMs(options: { readonly drainMs?: number }): number {
  assertKnownOptions(options, new Set(['drainMs']), 'close');
  return integer('drainMs', options.drainMs ?? 0, 0, LONGEST_MS);
}

/** What was resolved last: a program asks for the same again and again. */
interface Resolved {
  readonly given: LockOptions;
  readonly manager: ResolvedManagerOptions;
  readonly result: ResolvedAcquireOptions;
}
let last: Resolved | undefined;

const isAsked = ({ given, manager, result }: Resolved, options: AcquireOptions, by: unknown): boolean =>
  manager === by &&
  options.signal === undefined &&
  options.tick === undefined &&
  (options.name ?? LOCK_DEFAULTS.name) === result.name &&
  options.ttlMs === given.ttlMs &&
  options.waitMs === given.waitMs &&
  options.retries === given.retries &&
  options.retryDelayMs === given.retryDelayMs &&
  options.autoExtend === given.autoExtend &&
  options.minHoldMs === given.minHoldMs &&
  options.maxHoldMs === given.maxHoldMs &&
  options.nodeTimeoutMs === given.nodeTimeoutMs;

/** Checks what one acquisition was given. */
export function resolveAcquireOptions(
  options: AcquireOptions,
  manager: ResolvedManagerOptions,
): ResolvedAcquireOptions {
  assertKnownOptions(options, ACQUIRE_OPTIONS, 'acquire');
  if (last !== undefined && isAsked(last, options, manager)) return last.result;
  const result = resolveAnew(options, manager);
  if (result.signal === undefined && result.tick === undefined) {
    // The caller's object may change, and may have some of it from its prototype.
    const given = Object.fromEntries(LOCK_OPTIONS.map((option) => [option, options[option]])) as LockOptions;
    last = { given, manager, result };
  }
  return result;
}

function resolveAnew(
  options: AcquireOptions,
  { lockDefaults, maxTtlMs, fencing }: ResolvedManagerOptions,
): ResolvedAcquireOptions {
  const { signal, tick } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError(`signal must be an AbortSignal, got ${shown(signal)}`);
  }
  if (tick !== undefined) {
    integer('tick', tick, 0, Number.MAX_SAFE_INTEGER);
    if (!fencing) throw new RangeError('tick needs the option fencing, with which it is recorded');
  }
  return {
    ...resolveLockOptions(options, lockDefaults, maxTtlMs),
    signal,
    name: resolveName(options.name ?? LOCK_DEFAULTS.name),
    tick,
  };
}

/** Checks what a manager was given, nodes apart. */
export function resolveManagerOptions(options: LockManagerOptions): ResolvedManagerOptions {
  assertKnownOptions(options, MANAGER_OPTIONS, 'LockManager');
  const keyPrefix = options.keyPrefix ?? LOCK_DEFAULTS.keyPrefix;
  if (typeof keyPrefix !== 'string')
    throw new TypeError(`keyPrefix must be a string, got ${shown(keyPrefix)}`);
  const maxTtlMs = integer(
    'maxTtlMs',
    options.maxTtlMs ?? LOCK_DEFAULTS.maxTtlMs,
    SHORTEST_TTL_MS,
    LONGEST_MS,
  );
  const restartQuarantine = options.restartQuarantine ?? LOCK_DEFAULTS.restartQuarantine;
  if (restartQuarantine !== 'auto' && restartQuarantine !== 'off') {
    if (typeof restartQuarantine !== 'number') {
      throw new TypeError(
        `restartQuarantine must be 'auto', 'off' or a number, got ${shown(restartQuarantine)}`,
      );
    }
    integer('restartQuarantine', restartQuarantine, maxTtlMs, LONGEST_MS, '; the lower bound is maxTtlMs');
  }
  const driftFactor = options.driftFactor ?? LOCK_DEFAULTS.driftFactor;
  if (typeof driftFactor !== 'number')
    throw new TypeError(`driftFactor must be a number, got ${shown(driftFactor)}`);
  if (!(driftFactor >= 0 && driftFactor <= 0.5)) {
    throw new RangeError(`driftFactor must be from 0 to 0.5, got ${driftFactor}`);
  }
  const fallback = options.fallback ?? LOCK_DEFAULTS.fallback;
  if (fallback !== 'none' && fallback !== 'memory') {
    throw new RangeError(`fallback must be 'none' or 'memory', got ${shown(fallback)}`);
  }
  const holder = options.holder ?? `${hostname()}:${process.pid}`;
  if (typeof holder !== 'string') throw new TypeError(`holder must be a string, got ${shown(holder)}`);
  if (!/^[\x21-\x7e]{1,128}$/.test(holder)) {
    throw new RangeError(
      `holder must be 1 to 128 printable ASCII characters without spaces, got ${shown(holder)}`,
    );
  }
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
    restartQuarantine,
    driftFactor,
    fencing: boolean('fencing', options.fencing ?? LOCK_DEFAULTS.fencing),
    fallback,
    maxStallMs: integer('maxStallMs', options.maxStallMs ?? LOCK_DEFAULTS.maxStallMs, 0, LONGEST_MS),
    holder,
    warn: warn ?? ((message) => process.emitWarning(message, 'QuorlockWarning')),
    lockDefaults,
  };
}

/** Checks a declared name: what a metric's label and a log line can carry. */
export function resolveName(name: unknown): string {
  if (typeof name !== 'string') throw new TypeError(`name must be a string, got ${shown(name)}`);
  if (name.length < 1 || name.length > 128) {
    throw new RangeError(`name must have 1 to 128 characters, got ${name.length}`);
  }
  return name;
}
