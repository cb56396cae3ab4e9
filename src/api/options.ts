import type { Backoff } from '../core/backoff.js';
import { FENCE_TTL_MS } from '../core/fencing.js';
import type { LockNode } from '../node/lock-node.js';
import type { NodeSource, PostgresNodeOptions } from '../node/node-options.js';

/** The options of one lock. Each may be given to the `LockManager`, for all its locks, and to each call. */
export interface LockOptions {
  /**
   * How long the nodes keep the lock when this process dies, in milliseconds: an integer from 10 to
   * 2^53 - 1. A running holder extends it, so a short TTL suits a long job too. No quarantine is longer than
   * 2^31 - 1 ms (24 days), so it protects a longer TTL for that long.
   * @default 30_000
   */
  readonly ttlMs?: number | undefined;
  /**
   * How often to try again when the lock was not acquired: an integer from 0 to 2^31 - 1. Excludes `waitMs`.
   * With 0, a held lock is not tried again, but a split vote is: one attempt asks again until somebody has
   * the lock.
   * @default 0
   */
  readonly retries?: number | undefined;
  /**
   * Pause between attempts, in milliseconds: an integer from 1 to 2^31 - 1. Each pause is drawn at random
   * from half to one and a half times this. A call with `waitMs` pauses like this only when its attempt met
   * no holder to wait for, or when too few nodes can notify it of a release.
   * @default 100
   */
  readonly retryDelayMs?: number | undefined;
  /**
   * How the pauses between attempts grow. A call whose function returns anything but a pause rejects with a
   * RangeError.
   * @default 'constant'
   */
  readonly backoff?: Backoff | undefined;
  /**
   * How long to wait for a held lock, in milliseconds: an integer from 0 to 2^31 - 1. Excludes `retries`.
   * Waiters of this process are served in the order of their calls. The nodes notify a waiting process of a
   * release; without a notification it tries again when the keys of the holder have expired.
   * @default 0
   */
  readonly waitMs?: number | undefined;
  /**
   * Whether the lease is extended while it is held.
   * @default true
   */
  readonly autoExtend?: boolean | undefined;
  /**
   * The lock stays taken at least this long, in milliseconds, even if it is released earlier: an integer from
   * 0 to `ttlMs`. It prevents a second run on a machine whose clock is behind.
   * @default 0
   */
  readonly minHoldMs?: number | undefined;
  /**
   * The lease is lost after this time, in milliseconds, even if it was extended: an integer from `ttlMs` to
   * 2^31 - 1.
   * @default none
   */
  readonly maxHoldMs?: number | undefined;
  /**
   * How long a node may take to answer before its vote counts as failed, in milliseconds: an integer from 1
   * to a third of `ttlMs`.
   * @default the smaller of 250 and ttlMs / 3
   */
  readonly nodeTimeoutMs?: number | undefined;
}

/** The options of one call of `acquire`, `tryAcquire` or `withLock`. */
export interface AcquireOptions extends LockOptions {
  /**
   * Cancels the call while it has no lease: the promise rejects with `signal.reason`. It does not end a
   * lease: with `withLock`, it aborts `lease.signal` while the routine runs, and the lease is held until the
   * routine has ended.
   * @default none
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * Waits for a held lock without an end: until it has the lock, the `signal` aborts, or the manager is
   * drained. Excludes `waitMs` and `retries`.
   * @default false
   */
  readonly wait?: boolean | undefined;
  /**
   * The lock's name in metrics and events: 1 to 128 characters. It must have few values, so never put an id
   * into it.
   * @default 'unnamed'
   */
  readonly name?: string | undefined;
  /**
   * The scheduled time of this run, in milliseconds since the Unix epoch. The call is refused with
   * `already_ran` if a run of this tick, or of a later one, is on record for the same resource. Needs
   * `fencing`. A tick of more than a minute ahead of the nodes' clocks is not granted.
   * @default none
   */
  readonly tick?: number | undefined;
  /**
   * At least once: also runs a tick that another worker started, if its end is not on record and its lock is
   * free, because that worker died or lost its lease. The tick runs twice if the first worker had ended its
   * run, and could tell no majority of the nodes. Needs `tick`.
   * @default false
   */
  readonly retry?: boolean | undefined;
  /**
   * How many attempts to run the tick there may be, the first included: an integer from 1 to 2^31 - 1. An
   * attempt that was given up before its run began may count, too. Needs `retry`.
   * @default none
   */
  readonly attempts?: number | undefined;
}

/** The options of `adopt`. `minHoldMs` and `maxHoldMs` count from the adoption. */
export interface AdoptOptions extends Pick<
  LockOptions,
  'ttlMs' | 'autoExtend' | 'minHoldMs' | 'maxHoldMs' | 'nodeTimeoutMs'
> {
  /**
   * The lock's name in metrics and events.
   * @default the name that the lease had
   */
  readonly name?: string | undefined;
  /**
   * Cancels the call while it waits for the end of the lease elsewhere: the promise rejects with
   * `signal.reason`, and the keys are released.
   * @default none
   */
  readonly signal?: AbortSignal | undefined;
}

/** The options of `close`. */
export interface CloseOptions {
  /**
   * How long it waits for held leases to be released, in milliseconds: an integer from 0 to 2^31 - 1.
   * @default 0
   */
  readonly drainMs?: number | undefined;
  /**
   * Whether the keys of the leases that it ends are left to expire, rather than released. So nobody else gets
   * these locks before the end of their TTLs.
   * @default false
   */
  readonly leaveKeys?: boolean | undefined;
}

/** How many copies of a grant there must be, see `LockManagerOptions.acknowledge`. */
export interface Acknowledgement {
  /** How many replicas of a node must have it: an integer from 1 to 100; with `onDisk` from 0. */
  readonly replicas: number;
  /**
   * Whether the node and these replicas must have written it to disk: the node is asked by WAITAOF. That
   * needs Redis 7.2 or later, and `appendonly yes` on all of them; with `appendfsync everysec` it takes up to
   * a second.
   * @default false
   */
  readonly onDisk?: boolean | undefined;
  /**
   * How long the node waits for them, in milliseconds: an integer from 1 to 1_000. With that much less than
   * `nodeTimeoutMs`, the error says that replicas were missing.
   * @default 100
   */
  readonly timeoutMs?: number | undefined;
}

/** The options of a `LockManager`, including the defaults of its locks. */
export interface LockManagerOptions extends LockOptions {
  /**
   * The voters: independent Redis servers, as urls (`redis:`, `rediss:`), ioredis options or clients,
   * or nodes made by `memoryNode()`. All processes must be given the same nodes in the same order. Use an odd
   * number: three nodes survive one failure, five survive two.
   */
  readonly nodes: readonly NodeSource[];
  /**
   * The beginning of every key; the resource follows. With the empty prefix, locks are shared with clients of
   * the package redlock, which uses the resource itself as the key.
   * @default 'lock:'
   */
  readonly keyPrefix?: string | undefined;
  /**
   * How long a node that lost its data has no vote at most if too few other nodes can tell what is held, in
   * milliseconds: an integer from 10 to 2^31 - 1. A lock with a longer `ttlMs` makes it longer, and so does a
   * client that asks for more. It bounds the default of `ttlMs`.
   * @default 60_000
   */
  readonly maxTtlMs?: number | undefined;
  /**
   * How long the grants of a node do not count after it lost its data or its clock was stepped.
   * - a number: milliseconds, an integer from `maxTtlMs` to 2^31 - 1. This client ends no quarantine early.
   * - `'auto'`, with three nodes or more: after a loss, five seconds, and then until all is over for which
   *   the node may have voted; `maxTtlMs` if too few others can tell. Off with fewer nodes, because one node
   *   without a vote would make every lock unavailable.
   * - `'off'`: they always count. If a node restarts without its data while a lock is held, a second holder
   *   is possible.
   * @default 'auto'
   */
  readonly restartQuarantine?: 'auto' | 'off' | number | undefined;
  /**
   * How much faster one clock may run than another, as a fraction from 0 to 0.5. A lease is valid for that
   * much less than its TTL.
   * @default 0.01
   */
  readonly driftFactor?: number | undefined;
  /**
   * Whether leases have a fencing token. With `false`, `lease.token` throws.
   * @default true
   */
  readonly fencing?: boolean | undefined;
  /**
   * How long a Redis node keeps the fencing counter of a resource after its last use, in milliseconds: an
   * integer from 60,000 to seven days. Each takes about 140 bytes. It must outlast the time for which a
   * machine with a lease may be suspended without its clocks noticing. All processes must be given the same.
   * A counter with a tick on record is kept for seven days.
   * @default 86_400_000
   */
  readonly fenceTtlMs?: number | undefined;
  /**
   * What to do while no majority of the nodes can be reached.
   * - `'none'`: fail.
   * - `'memory'`: lock within this process only, with a warning and an event.
   * - `{ postgres: … }`: lock in this database, across processes, with a warning and an event. Every lease of
   *   the nodes is recorded there too, at the price of a commit for each acquisition, extension and release.
   *   A node of your own kind may take its place.
   * @default 'none'
   */
  readonly fallback?: 'none' | 'memory' | PostgresNodeOptions | LockNode | undefined;
  /**
   * Whether the manager connects to its nodes at the first use, or by `connect()`, rather than at once.
   * @default false
   */
  readonly lazyConnect?: boolean | undefined;
  /**
   * What a Redis node grants or extends counts only when so many of its replicas have it: the node is asked
   * by WAIT, or by WAITAOF. So a replica that takes over probably knows of it, which matters where one or two
   * nodes are all there is. It is no guarantee: Redis may promote another replica. Nodes of other kinds
   * ignore it. It excludes `maxStallMs`.
   * @default none
   */
  readonly acknowledge?: Acknowledgement | undefined;
  /**
   * How long the event loop of this process may be blocked, in milliseconds, while a worker thread with its
   * own connections extends the leases. With 0 there is no such thread: a lease is lost when the loop is
   * blocked past its end. Needs nodes given by urls or by options of plain data.
   * @default 0
   */
  readonly maxStallMs?: number | undefined;
  /**
   * The name of this process as other holders see it: 0 to 128 printable ASCII characters without spaces. In
   * the default, other characters of the host's name are written as in a url (`%C3%BC`). With `''` they see
   * none, and the value of a key is 32 hexadecimal digits, as that of the package redlock.
   * @default host:pid
   */
  readonly holder?: string | undefined;
  /**
   * Gets every warning, such as an even number of nodes, a misconfigured node, or a fallback.
   * @default process.emitWarning
   */
  readonly warn?: ((message: string) => void) | undefined;
}

/** `LockOptions` with all defaults filled in. */
export interface ResolvedLockOptions {
  readonly ttlMs: number;
  readonly retries: number;
  readonly retryDelayMs: number;
  readonly backoff: Backoff;
  readonly waitMs: number;
  readonly autoExtend: boolean;
  readonly minHoldMs: number;
  readonly maxHoldMs: number | undefined;
  readonly nodeTimeoutMs: number;
}

/** `AcquireOptions` with all defaults filled in. */
export interface ResolvedAcquireOptions extends ResolvedLockOptions {
  readonly signal: AbortSignal | undefined;
  /** With it `waitMs` is infinite. */
  readonly wait: boolean;
  readonly name: string;
  readonly tick: number | undefined;
  readonly retry: boolean;
  readonly attempts: number | undefined;
}

/** The options of a `LockManager` with all defaults filled in, except those of its locks. */
export interface ResolvedManagerOptions {
  readonly keyPrefix: string;
  readonly maxTtlMs: number;
  readonly restartQuarantine: 'auto' | 'off' | number;
  readonly driftFactor: number;
  readonly fencing: boolean;
  readonly fenceTtlMs: number;
  readonly fallback: 'none' | 'memory' | 'node';
  readonly lazyConnect: boolean;
  readonly acknowledge:
    { readonly replicas: number; readonly timeoutMs: number; readonly onDisk: boolean } | undefined;
  readonly maxStallMs: number;
  readonly holder: string;
  readonly warn: (message: string) => void;
  readonly lockDefaults: LockOptions;
}

/** The defaults of all options. No other file has a default. */
export const LOCK_DEFAULTS = Object.freeze({
  ttlMs: 30_000,
  retries: 0,
  retryDelayMs: 100,
  backoff: 'constant',
  waitMs: 0,
  autoExtend: true,
  minHoldMs: 0,
  nodeTimeoutMs: 250,
  keyPrefix: 'lock:',
  maxTtlMs: 60_000,
  restartQuarantine: 'auto',
  driftFactor: 0.01,
  fencing: true,
  fenceTtlMs: FENCE_TTL_MS,
  fallback: 'none',
  lazyConnect: false,
  maxStallMs: 0,
  acknowledgeTimeoutMs: 100,
  acknowledgeOnDisk: false,
  wait: false,
  retry: false,
  name: 'unnamed',
  missed: 'skip',
  abandoned: 'leave',
  overlap: 'skip',
  spreadMs: 0,
  retryOnError: false,
  history: 50,
} as const);
