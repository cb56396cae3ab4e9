import { inspect } from 'node:util';
import { hostname } from 'node:os';
import { MARKER } from '../node/lock-node.js';
import type { NodeSource } from '../node/node-source.js';

/** How one lock behaves. Every option may be given to the `LockManager`, for all its locks, and to each call. */
export interface LockOptions {
  /**
   * How long the nodes keep the lock when this process dies, in milliseconds: an integer from 10 to `maxTtlMs`. A living
   * holder extends it, so a short one is right for a long job too.
   * @default 30_000
   */
  readonly ttlMs?: number;
  /**
   * How often to try again when the lock was not acquired. 0 means: not when it is held; a split vote is settled inside
   * the attempt all the same.
   * @default 0
   */
  readonly retries?: number;
  /**
   * Pause between attempts in milliseconds, jittered by half in both directions.
   * @default 100
   */
  readonly retryDelayMs?: number;
  /**
   * How long to wait for a held lock, in milliseconds, looking every `retryDelayMs`. Excludes `retries`.
   * @default 0
   */
  readonly waitMs?: number;
  /**
   * Whether the lease is extended for as long as it is held.
   * @default true
   */
  readonly autoExtend?: boolean;
  /**
   * The lock stays taken at least this long, in milliseconds, although it is released earlier: against a second run on a
   * machine whose clock is behind. At most `ttlMs`.
   * @default 0
   */
  readonly minHoldMs?: number;
  /**
   * The lease is lost after this many milliseconds in all, extended or not. At least `ttlMs`.
   * @default none
   */
  readonly maxHoldMs?: number;
  /**
   * How long a node may take to answer, in milliseconds, before its vote counts as failed. At most a third of `ttlMs`.
   * @default the smaller of 250 and ttlMs / 3
   */
  readonly nodeTimeoutMs?: number;
}

/** What belongs to one acquisition. */
export interface AcquireOptions extends LockOptions {
  /** Ends the wait: the promise rejects with `signal.reason`. It has no say once the lease is held. */
  readonly signal?: AbortSignal;
  /**
   * The lock's name in metrics and logs, of few values: never put an id into it.
   * @default 'unnamed'
   */
  readonly name?: string;
  /**
   * The scheduled time this run belongs to, in epoch milliseconds: the run is refused (`already_ran`) when it, or a later
   * one, was run under the same resource before. Needs `fencing`.
   */
  readonly tick?: number;
}

/** What a `LockManager` is made from, beside the defaults of its locks. */
export interface LockManagerOptions extends LockOptions {
  /**
   * The voters: independent Redis servers, as urls (`redis:`, `rediss:`), ioredis options or ioredis clients, or nodes
   * made by `memoryNode()`. The list is the membership: all processes must be given the same nodes in the same order. An
   * odd number; three survive one failure, five survive two.
   */
  readonly nodes: readonly NodeSource[];
  /**
   * Put before every resource to make the key. The empty prefix shares its locks with redlock, which uses the resource as
   * it is.
   * @default 'lock:'
   */
  readonly keyPrefix?: string;
  /**
   * The longest TTL that any lock may have, in milliseconds: as long as that, a node that lost its data must not vote.
   * @default 60_000
   */
  readonly maxTtlMs?: number;
  /**
   * How long the grants of a node that lost its data, or whose clock was stepped, do not count, in milliseconds (at least
   * `maxTtlMs`). `auto`: `maxTtlMs` with three nodes or more; off with fewer, where it would cost all availability. `off`
   * gives up mutual exclusion whenever a node restarts without its data under a held lock.
   * @default 'auto'
   */
  readonly restartQuarantine?: 'auto' | 'off' | number;
  /**
   * By how much clocks may run at different rates, as a fraction; also taken off the validity.
   * @default 0.01
   */
  readonly driftFactor?: number;
  /**
   * Whether grants carry a fencing token. Off, `lease.token` throws.
   * @default true
   */
  readonly fencing?: boolean;
  /**
   * `memory`: while no majority of the nodes can be reached, lock within this process only, loudly. `none`: fail.
   * @default 'none'
   */
  readonly fallback?: 'none' | 'memory';
  /**
   * What other holders see as the owner: 1 to 128 printable characters without spaces.
   * @default host:pid
   */
  readonly holder?: string;
  /**
   * Gets every warning: an even membership, a refused node, a fallback.
   * @default process.emitWarning
   */
  readonly warn?: (message: string) => void;
}

export interface ResolvedLockOptions {
  readonly ttlMs: number;
  readonly retries: number;
  readonly retryDelayMs: number;
  readonly waitMs: number;
  readonly autoExtend: boolean;
  readonly minHoldMs: number;
  readonly maxHoldMs: number | undefined;
  readonly nodeTimeoutMs: number;
}

export interface ResolvedAcquireOptions extends ResolvedLockOptions {
  readonly signal: AbortSignal | undefined;
  readonly name: string;
  readonly tick: number | undefined;
}

export interface ResolvedManagerOptions {
  readonly keyPrefix: string;
  readonly maxTtlMs: number;
  readonly restartQuarantine: 'auto' | 'off' | number;
  readonly driftFactor: number;
  readonly fencing: boolean;
  readonly fallback: 'none' | 'memory';
  readonly holder: string;
  readonly warn: (message: string) => void;
  readonly lockDefaults: LockOptions;
}

/** The one table of defaults. */
export const LOCK_DEFAULTS = Object.freeze({
  ttlMs: 30_000,
  retries: 0,
  retryDelayMs: 100,
  waitMs: 0,
  autoExtend: true,
  minHoldMs: 0,
  nodeTimeoutMs: 250,
  keyPrefix: 'lock:',
  maxTtlMs: 60_000,
  restartQuarantine: 'auto',
  driftFactor: 0.01,
  fencing: true,
  fallback: 'none',
  name: 'unnamed',
} as const);

const SHORTEST_TTL_MS = 10;
/** The longest delay of a Node timer, and so of anything that is waited for. */
const LONGEST_MS = 2 ** 31 - 1;
const LONGEST_RESOURCE_BYTES = 512;
const MOST_RESOURCES = 64;

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
const ACQUIRE_OPTIONS: readonly string[] = [...LOCK_OPTIONS, 'signal', 'name', 'tick'];
const MANAGER_OPTIONS: readonly string[] = [
  ...LOCK_OPTIONS,
  'nodes',
  'keyPrefix',
  'maxTtlMs',
  'restartQuarantine',
  'driftFactor',
  'fencing',
  'fallback',
  'holder',
  'warn',
];

const shown = (value: unknown): string =>
  inspect(value, { depth: 0, maxStringLength: 80, breakLength: Infinity });

/** Refuses what is not an option at all: a misspelt option must not silently mean its default. */
function assertKnownOptions(options: object, known: readonly string[], where: string): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`${where} takes an object of options, got ${shown(options)}`);
  }
  for (const option of Object.keys(options)) {
    if (!known.includes(option)) {
      throw new TypeError(`${where}: unknown option "${option}"; the options are ${known.join(', ')}`);
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
  const longestNodeTimeoutMs = Math.floor(ttlMs / 3);
  const nodeTimeoutMs = integer(
    'nodeTimeoutMs',
    pick('nodeTimeoutMs') ?? Math.min(LOCK_DEFAULTS.nodeTimeoutMs, longestNodeTimeoutMs),
    1,
    longestNodeTimeoutMs,
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

/** Checks what one acquisition was given. */
export function resolveAcquireOptions(
  options: AcquireOptions,
  { lockDefaults, maxTtlMs, fencing }: ResolvedManagerOptions,
): ResolvedAcquireOptions {
  assertKnownOptions(options, ACQUIRE_OPTIONS, 'acquire');
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

/** Checks what is to be locked: one resource or several, each 1 to 512 bytes without control characters. */
export function resolveResources(resource: string | readonly string[]): readonly string[] {
  const resources: readonly unknown[] = Array.isArray(resource) ? resource : [resource];
  if (resources.length < 1 || resources.length > MOST_RESOURCES) {
    throw new RangeError(`resources must be 1 to ${MOST_RESOURCES}, got ${resources.length}`);
  }
  const names = resources.map(resolveResource);
  const unique = new Set(names);
  if (unique.size < names.length) throw new RangeError(`resources must differ, got ${shown(names)}`);
  // In one order for everybody, so that two claimants of the same pair meet on the same key first.
  return [...unique].sort();
}

function resolveResource(resource: unknown): string {
  if (typeof resource !== 'string') throw new TypeError(`resource must be a string, got ${shown(resource)}`);
  const bytes = Buffer.byteLength(resource);
  if (bytes < 1 || bytes > LONGEST_RESOURCE_BYTES) {
    throw new RangeError(`resource must have 1 to ${LONGEST_RESOURCE_BYTES} bytes, got ${bytes}`);
  }
  // eslint-disable-next-line no-control-regex -- control characters are just what is looked for
  if (/[\u0000-\u001f\u007f]/.test(resource)) {
    throw new RangeError(
      `resource must not have control characters, got ${JSON.stringify(resource).slice(0, 80)}`,
    );
  }
  if (resource === MARKER) {
    throw new RangeError(`resource must not be ${shown(MARKER)}, where a node keeps what it knows of itself`);
  }
  if (resource.endsWith(':fence')) {
    throw new RangeError(
      `resource must not end in ":fence", where the fencing counters are kept, got ${shown(resource)}`,
    );
  }
  return resource;
}
