import type { Clock } from '../../clock.js';
import {
  beatMs,
  extensionRetryMs,
  lossMarginMs,
  remoteExtensionDueAt,
} from '../../core/extension-schedule.js';
import { countersAbove } from '../../core/extension-votes.js';
import { isStalled } from '../../core/stall.js';
import { PRESENT_ONLY } from '../../node/node-request.js';
import type { Due } from '../lease/due-heap.js';
import { LeaseScheduler, type Scheduled, type TurnTaker } from '../lease/lease-scheduler.js';
import type { RemoteLeaseTerms } from '../lease/lease-guard.js';
import { KeyTracker } from '../quorum/key-tracker.js';
import type { Quorum } from '../quorum/quorum.js';
import { SharedLease, type Heartbeat } from './shared-lease.js';

/**
 * Extends leases in place of the main thread while its event loop is blocked. It writes into each shared
 * lease what it has extended, and decides nothing: the main thread finds out whether a lease is lost when it
 * runs again.
 */
export class StallExtender {
  readonly #scheduler: LeaseScheduler;
  readonly #leases = new Map<number, GuardedLease>();
  #shortestTtlMs = Number.POSITIVE_INFINITY;

  constructor(
    private readonly quorum: Quorum,
    private readonly clock: Clock,
    private readonly heartbeat: Heartbeat,
    private readonly maxStallMs: number,
  ) {
    this.#scheduler = new LeaseScheduler(clock);
  }

  begin(id: number, terms: RemoteLeaseTerms, memory: SharedArrayBuffer): void {
    this.#shortestTtlMs = Math.min(this.#shortestTtlMs, terms.ttlMs);
    const shared = new SharedLease(memory);
    const lease = new GuardedLease(
      terms,
      shared,
      this.quorum,
      this.clock,
      this.#scheduler,
      this.#isMainThreadStalled,
    );
    this.#leases.set(id, lease);
    this.#scheduler.schedule(lease, this.clock.now());
  }

  end(id: number): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    this.#leases.delete(id);
    this.#scheduler.cancel(lease);
  }

  readonly #isMainThreadStalled = (now: number): boolean =>
    isStalled(now - this.heartbeat.at, this.#shortestTtlMs, this.maxStallMs);
}

/** A lease of the main thread, as the worker thread extends it. */
class GuardedLease implements Scheduled, TurnTaker {
  due: Due<Scheduled> | undefined;
  dueIndex = 0;
  readonly #tracker: KeyTracker;
  #maxCounter = 0;
  #retryAt = 0;
  /** Whether an extension runs, or waits for its turn. */
  #isExtending = false;

  constructor(
    private readonly terms: RemoteLeaseTerms,
    private readonly shared: SharedLease,
    private readonly quorum: Quorum,
    private readonly clock: Clock,
    private readonly scheduler: LeaseScheduler,
    private readonly isMainThreadStalled: (now: number) => boolean,
  ) {
    this.#tracker = new KeyTracker(terms.resources, terms.holderId, quorum.nodes.length);
  }

  wake(now: number): number | undefined {
    const validUntil = this.#validUntil();
    if (validUntil === undefined) return undefined;
    const { ttlMs } = this.terms;
    const dueAt = Math.max(this.#retryAt, remoteExtensionDueAt(validUntil, ttlMs));
    if (now < dueAt) return dueAt;
    if (!this.#isExtending && this.#mayExtend(now, validUntil)) {
      this.#isExtending = true;
      this.scheduler.requestTurn(this);
    }
    return now + beatMs(ttlMs);
  }

  takeTurn(): void {
    void this.#extend().then(this.scheduler.endTurn);
  }

  async #extend(): Promise<void> {
    const { ttlMs, nodeTimeoutMs } = this.terms;
    const sentAt = this.clock.stamp();
    const validUntil = this.#validUntil();
    // It may have waited long for its turn: it looks again.
    if (validUntil !== undefined && this.#mayExtend(sentAt.monotonicMs, validUntil)) {
      const { maxCounter } = this.shared;
      const call = this.quorum.extend(this.#tracker, {
        // Nobody listens to events in this thread.
        id: 0,
        ttlMs,
        nodeTimeoutMs,
        validUntil,
        // The release goes over other connections and may overtake it: a key that is gone must stay gone.
        token: PRESENT_ONLY,
        maxCounter: maxCounter === undefined ? undefined : Math.max(maxCounter, this.#maxCounter),
      });
      if ((await call.decided) === 'won') this.shared.recordExtension(sentAt);
      else this.#retryAt = this.clock.now() + extensionRetryMs(ttlMs);
      this.#maxCounter = Math.max(this.#maxCounter, ...countersAbove(call.tally.votes));
    }
    this.#isExtending = false;
  }

  /** A lease that is over, or about to be lost, is not revived. */
  #mayExtend(now: number, validUntil: number): boolean {
    const { ttlMs, maxHoldAt } = this.terms;
    return now < validUntil - lossMarginMs(ttlMs) && now < maxHoldAt && this.isMainThreadStalled(now);
  }

  /**
   * The end of validity by what the main thread said, or by what was extended here. `undefined`: the lease is
   * over.
   */
  #validUntil(): number | undefined {
    const { shared, terms } = this;
    const { validUntil, extendedAt } = shared;
    if (validUntil === undefined || extendedAt === undefined) return validUntil;
    return Math.max(validUntil, extendedAt.monotonicMs + terms.ttlMs - terms.driftMs);
  }
}
