import type { NodeSource } from '../node/node-options.js';

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
   * Pause between attempts in milliseconds, jittered by half in both directions. Who waits with `waitMs` pauses so only after
   * an attempt that tells of no holder to wait for, or where too few nodes could tell it of a release.
   * @default 100
   */
  readonly retryDelayMs?: number;
  /**
   * How long to wait for a held lock, in milliseconds: first come, first served within this process, told by the nodes when
   * the lock is released, and in any case when its keys would have expired. Excludes `retries`.
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
   * For how long this process's event loop may be blocked, in milliseconds, while its leases are extended all the same: by a
   * worker thread with connections of its own. 0: not at all, a lease is lost when the loop is blocked past its end. Needs
   * nodes given by urls or by options of plain data.
   * @default 0
   */
  readonly maxStallMs?: number;
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
  readonly maxStallMs: number;
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
  maxStallMs: 0,
  name: 'unnamed',
} as const);
