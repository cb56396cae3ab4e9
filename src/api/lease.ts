// In the declarations too: a program need not have this lib, nor the types of Node, which declare the same.
/// <reference lib="esnext.disposable" preserve="true" />

/** What `Lease.release` may be told. */
export interface ReleaseOptions {
  /**
   * With a tick: whether the run has ended, and the tick with it. With `false`, the tick stays on record as
   * started, and a call with `retry` may run it again. Without a tick it means nothing.
   * @default true
   */
  readonly finish?: boolean | undefined;
}

/**
 * A lease in plain data, which another process can adopt. Whoever has it and can reach the nodes can take the
 * lease: keep it as secret as the access to the nodes.
 */
export interface LeaseJson {
  /** The number of this format. */
  readonly quorlock: 1;
  readonly keyPrefix: string;
  readonly resources: readonly string[];
  readonly name: string;
  /** The value of its keys on the nodes. */
  readonly holderId: string;
  /** Missing without fencing. Whoever adopts the lease gets a greater one. */
  readonly token?: number;
  readonly ttlMs: number;
  /** Whether its holder has given it away, by `transfer`. */
  readonly transferred: boolean;
  /** The tick that it is for. Such a lease cannot be adopted. */
  readonly tick?: number;
  /** It was taken in the option `fallback`. Such a lease cannot be adopted. */
  readonly fallback?: true;
}

/**
 * The handle of a held resource. It ends once: by `release`, `transfer`, or its loss. `signal` tells the
 * loss before the keys on the nodes can have expired. Use it with `await using`, or release it in a
 * `finally`.
 */
export interface Lease {
  /** The resources that are held, sorted. */
  readonly resources: readonly string[];
  /**
   * The value of its keys on the nodes: 32 random hexadecimal digits, and `@` and the manager's `holder`.
   * Whoever knows it can release the keys.
   */
  readonly holderId: string;
  /** The lock's name in metrics and logs. */
  readonly name: string;
  /**
   * The fencing token. It is greater than the token of every earlier holder of these resources. Send it along
   * with every write, and let the store refuse a token smaller than one that it has seen. Throws a TypeError
   * if `fencing` is off.
   */
  readonly token: number;
  /**
   * Aborts with a LeaseLostError when the lease is lost. A release does not abort it. Inside `withLock` it
   * also aborts, with the caller's own reason, when the signal aborts that the caller gave: nobody waits for
   * the result any more, though the lease is still held.
   *
   * If the event loop was blocked past the end of the lease, reading `lease.signal` tells the loss at once. A
   * signal that was read before aborts as soon as the loop turns; promises that are settled by then continue
   * first.
   */
  readonly signal: AbortSignal;
  /**
   * Whether the lock was taken in the option `fallback`, because no majority of the nodes was reachable. With
   * `'memory'` it excludes this process only. It is also true where all nodes are in memory.
   */
  readonly fallback: boolean;
  /** The number of the attempt that won it, from 1. */
  readonly attempts: number;
  /**
   * Which run of its tick this is, from 1: more than 1 is a run after another one died. `undefined`: no tick.
   */
  readonly attempt: number | undefined;
  /**
   * For how many milliseconds the lease is still valid, computed from the clock at every call; 0 once it is
   * over.
   */
  remainingMs(): number;
  /**
   * Throws a LeaseLostError unless the lease is valid now. Call it before anything that must not happen
   * twice.
   */
  assertHeld(): void;
  /**
   * Prolongs the lease to `ttlMs` from now (default: its own TTL). It never shortens the lease. With
   * `autoExtend` on, nobody needs to call it. Rejects with a QuorumUnreachableError if too few nodes answered
   * and the lease goes on, and with a LeaseLostError once the lease is over.
   */
  extend(ttlMs?: number): Promise<void>;
  /**
   * Releases the resources, at the speed of the fastest majority. May be called twice, and late; never
   * rejects. The first call counts. With a tick it also records that the run has ended, even if the lease was
   * lost.
   */
  release(options?: ReleaseOptions): Promise<void>;
  /**
   * Whether the end of the run is on record on a majority of the nodes, so that nobody runs its tick again.
   * Resolves after `release`, as soon as that is certain: to `true`; or to `false` if it is not, and will not
   * be. While nodes cannot be reached, they are asked again for up to a day. Without a tick it is `false`.
   */
  finished(): Promise<boolean>;
  /**
   * The lease in plain data, for `LockManager.adopt` in another process. It changes nothing: the lease is
   * still held here, and whoever adopts it waits until it cannot be valid here any more.
   */
  toJSON(): LeaseJson;
  /**
   * Gives the lease away: it ends here at once, and its keys are left on the nodes for the process that
   * adopts it. `signal` aborts with a LeaseLostError, whose reason is `transferred`. Resolves to what
   * `LockManager.adopt` needs when no request of this lease can be carried out any more. Rejects with a
   * LeaseLostError if the lease is over, and with a TypeError for the lease of a tick, of a leader, or of
   * the fallback.
   */
  transfer(): Promise<LeaseJson>;
  /** The same as `release`. */
  [Symbol.asyncDispose](): Promise<void>;
}
