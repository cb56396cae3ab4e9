import { mayFollow, type LeaseChain } from '../../core/local-handover.js';
import type { Grant, Stamp } from '../../core/validity.js';

/** What a grant reserved. */
export interface ReservedTokens {
  /** When the first of the leases began, on the monotonic clock. */
  readonly startedAt: number;
  /** For how many leases there are tokens. */
  readonly reserved: number;
  /** The last token: the counter of whoever comes after is above it. `undefined`: no fencing. */
  readonly last: number | undefined;
  /** How many other processes were waiting when the keys were won. */
  readonly othersWaiting: number;
}

/**
 * The leases that follow each other on one grant, without a request to the nodes. Each has a token of its
 * own, from the range that the grant reserved.
 */
export class TokenRange implements LeaseChain {
  readonly startedAt: number;
  readonly reserved: number;
  readonly last: number | undefined;
  readonly othersWaiting: number;
  #leases = 0;

  constructor({ startedAt, reserved, last, othersWaiting }: ReservedTokens) {
    this.startedAt = startedAt;
    this.reserved = reserved;
    this.last = last;
    this.othersWaiting = othersWaiting;
  }

  get othersWait(): boolean {
    return this.othersWaiting > 0;
  }

  get leases(): number {
    return this.#leases;
  }

  /** The token of the lease that begins now. */
  next(): number | undefined {
    const token = this.last === undefined ? undefined : this.last - this.reserved + 1 + this.#leases;
    this.#leases++;
    return token;
  }

  /** Whether another lease may follow on this grant. */
  mayFollow(grant: Grant, now: Stamp): boolean {
    return mayFollow(this, grant, now);
  }
}
