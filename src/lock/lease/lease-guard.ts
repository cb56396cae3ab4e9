import type { Stamp } from '../../core/validity.js';

/** What another thread has to know of a lease to extend it. */
export interface RemoteLeaseTerms {
  readonly resources: readonly string[];
  readonly holderId: string;
  readonly ttlMs: number;
  readonly driftMs: number;
  readonly nodeTimeoutMs: number;
  /** When the lease reaches `maxHoldMs`, on the monotonic clock; infinite if it has none. */
  readonly maxHoldAt: number;
}

/**
 * A lease that another thread extends while the event loop of this thread is blocked, as the lease sees it.
 */
export interface RemoteLease {
  /** Says until when the lease is valid, on the monotonic clock, and what counters may be raised to. */
  hold(validUntil: number, maxCounter: number | undefined): void;
  /** When the other thread sent its last extension that a majority granted; `undefined` if there is none. */
  readonly extendedAt: Stamp | undefined;
  /** The lease is over: the other thread extends it no more. */
  end(): void;
}

/** Has leases extended by another thread. */
export interface LeaseGuard {
  /**
   * From now on the lease is extended while this thread is blocked. Returns `undefined` if the other thread
   * is not there any more.
   */
  begin(terms: RemoteLeaseTerms, validUntil: number, maxCounter: number | undefined): RemoteLease | undefined;
}
