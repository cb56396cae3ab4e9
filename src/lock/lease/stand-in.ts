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

/** Extends a lease while the event loop of this thread is blocked. This is the lease's side of it. */
export interface StandIn {
  /** Says until when the lease is valid, on the monotonic clock, and what counters may be raised to. */
  hold(validUntil: number, maxCounter: number | undefined): void;
  /** When the stand-in sent its last extension that a majority granted; `undefined` if there is none. */
  readonly extendedAt: Stamp | undefined;
  /** The lease is over: nobody extends it any more. */
  end(): void;
}

/** Gives leases their stand-ins. */
export interface LeaseGuard {
  /** From now on the lease is extended while this thread is blocked. `undefined`: there is no stand-in any more. */
  begin(terms: RemoteLeaseTerms, validUntil: number, maxCounter: number | undefined): StandIn | undefined;
}
