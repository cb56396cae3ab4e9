import type { LossReason } from '../core/lease-state.js';
import type { Lease } from './lease.js';

/**
 * Why a process leads no longer.
 * - `resigned`: it was told to stop, or released its lease.
 * - `failed`: what `onElected` returned was rejected, so the work of the leader is not done here.
 * - all others: the lease was lost.
 */
export type DeposedReason = LossReason | 'resigned' | 'failed';

/** The options of `elect`. */
export interface ElectionOptions {
  /**
   * How long the others wait for a leader that died, in milliseconds, as in `LockOptions`. A leader extends
   * its lease, so a short TTL costs little.
   * @default the manager's
   */
  readonly ttlMs?: number | undefined;
  /**
   * Pause between attempts while there is no leader to wait for, in milliseconds, as in `LockOptions`.
   * @default the manager's
   */
  readonly retryDelayMs?: number | undefined;
  /**
   * How long a node may take to answer, in milliseconds, as in `LockOptions`.
   * @default the manager's
   */
  readonly nodeTimeoutMs?: number | undefined;
  /**
   * The name in metrics and events: 1 to 128 characters, with few values.
   * @default the resource
   */
  readonly name?: string | undefined;
  /**
   * Called when this process becomes the leader. `lease.signal` aborts when it leads no longer. It may be
   * async: this process is not elected again before the promise has settled. If it throws or rejects, the
   * process resigns, and lets the others go first.
   * @default none
   */
  readonly onElected?: ((lease: Lease) => unknown) | undefined;
  /**
   * Called when this process leads no longer. It may be async: the lease of a leader that resigns is released
   * after that.
   * @default none
   */
  readonly onLost?: ((reason: DeposedReason) => unknown) | undefined;
  /**
   * Ends the candidacy: like `stop()`.
   * @default none
   */
  readonly signal?: AbortSignal | undefined;
}

/** What came of a call of `run`. */
export type LeaderRun<T> =
  { readonly ran: true; readonly value: T } | { readonly ran: false; readonly reason: 'not_leader' };

/** The candidacy of this process, from `elect` to `stop`. Use it with `await using`, or stop it. */
export interface Election {
  readonly resource: string;
  /** Whether this process leads now, computed from the clock at every call. */
  readonly isLeader: boolean;
  /** The lease of the leader; `undefined` unless this process leads now. Its token is the leader's term. */
  readonly lease: Lease | undefined;
  /** Resolves when the candidacy has ended, for whatever reason. Never rejects. */
  readonly ended: Promise<void>;
  /**
   * Runs the routine under the leader's lease, if this process leads; otherwise not. Rejects with a
   * LeaseLostError if the lease was lost before the routine ended. A leader that resigns waits for its runs.
   */
  run<T>(routine: (lease: Lease) => T | PromiseLike<T>): Promise<LeaderRun<T>>;
  /**
   * Ends the candidacy. A leader resigns: the signal of its lease aborts; when `onElected`, `onLost` and all
   * runs have ended, the lease is released, and another process leads at once. Resolves then; inside
   * `onElected`, `onLost` and `run` it resolves at once, because they are waited for. Never rejects.
   */
  stop(): Promise<void>;
  /** The same as `stop`. */
  [Symbol.asyncDispose](): Promise<void>;
}
