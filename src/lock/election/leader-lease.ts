import { LeaseLostError } from '../../api/errors.js';
import type { Lease, LeaseJson } from '../../api/lease.js';
import { RunLease } from '../lease/run-lease.js';

/**
 * The lease as the leader sees it. Its signal also aborts when the leader resigns. `release` is a way to
 * resign: the keys are released when the work of the leader has ended.
 */
export class LeaderLease extends RunLease {
  constructor(
    lease: Lease,
    private readonly resignation: AbortController,
  ) {
    super(lease, resignation.signal);
  }

  override release(): Promise<void> {
    this.resignation.abort(new LeaseLostError(this.resources, 'released'));
    return Promise.resolve();
  }

  override transfer(): Promise<LeaseJson> {
    return Promise.reject(new TypeError('the lease of a leader cannot be transferred: resign instead'));
  }

  override [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
