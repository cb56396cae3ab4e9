import type { Backoff } from '../core/backoff.js';

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
