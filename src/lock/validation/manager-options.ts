import { safeWarn } from '../../api/callbacks.js';
import { LOCK_DEFAULTS } from '../../api/defaults.js';
import type { Acknowledgement, LockManagerOptions } from '../../api/manager-options.js';
import type { LockOptions } from '../../api/options.js';
import type { ResolvedManagerOptions } from '../../api/resolved-options.js';
import { LEDGER_TTL_MS, SHORTEST_FENCE_TTL_MS } from '../../core/fencing.js';
import {
  checkBoolean,
  checkInteger,
  checkKnownOptions,
  LONGEST_MS,
  optionsOf,
  SHORTEST_TTL_MS,
  shown,
} from './checks.js';
import { defaultHolder, LONGEST_HOLDER } from './default-holder.js';
import { LOCK_OPTIONS, resolveLockOptions } from './lock-options.js';

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
const KNOWN_TO_MANAGER: ReadonlySet<string> = new Set(MANAGER_OPTIONS);

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
  if (holder.includes('://') && holder.includes('@'))
    throw new RangeError('holder must not be a url with a user or password: all others see it');
  return holder;
}
