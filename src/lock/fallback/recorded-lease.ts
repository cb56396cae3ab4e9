import type { LossReason } from '../../core/lease-state.js';
import type { Won } from '../acquire/attempt.js';
import { HeldKeys, type HeldKeysContext, type LeaseReleaseTerms } from '../lease/held-keys.js';
import type { LeaseListener } from '../lease/lease-listener.js';
import type { KeyTracker } from '../quorum/key-tracker.js';

/**
 * The record of a lease in the database. It is extended as long as the lease of the nodes is held, whether
 * that one extends itself or not: it ends with it.
 */
export class RecordedLease implements LeaseListener {
  readonly id: number;
  readonly terms: LeaseListener['terms'];
  readonly heldSince: number;
  readonly fallback = true;
  readonly #keys: HeldKeys;

  constructor(
    context: HeldKeysContext,
    won: Won,
    /** The run that the database has on record for the lease, by this record or one before. */
    private readonly run: Won['run'],
    /** The record is gone: another holder has the resource there, or it could not be extended. */
    private readonly onLost: (reason: LossReason) => void,
  ) {
    const { id, ttlMs, nodeTimeoutMs } = won.request;
    this.id = id;
    this.terms = { name: '', ttlMs, nodeTimeoutMs, autoExtend: true, maxHoldMs: undefined };
    this.heldSince = context.clock.now();
    this.#keys = new HeldKeys(context, won);
    this.#keys.begin(this);
  }

  lose(reason: LossReason): void {
    void this.#release(undefined);
    this.onLost(reason);
  }

  /** It is extended no more, and expires. */
  leave(): void {
    this.#keys.end();
  }

  /** Releases the record before the keys of its lease. `lease` is the tracker of those. */
  end(lease: KeyTracker, terms: LeaseReleaseTerms | undefined): Promise<unknown> {
    // The run of the lease never began, so it did not here.
    if (lease.unbegunRun !== undefined) this.#keys.tracker.unbegunRun = this.run;
    return this.#release(terms);
  }

  #release(terms: LeaseReleaseTerms | undefined): Promise<unknown> {
    const { keepMs = 0, finish, note } = terms ?? {};
    const { run } = this;
    // The lock's own nodes say whether a run has ended. Here the end is recorded as well as may be.
    const ownFinish = finish === undefined || run === undefined ? undefined : { mark: run, onEnd: ignore };
    const { nodeTimeoutMs } = this.terms;
    this.#keys.end();
    return this.#keys.release({ id: this.id, nodeTimeoutMs, keepMs, finish: ownFinish, note }, undefined);
  }
}

const ignore = (): void => undefined;
