import type { Clock } from '../../clock.js';
import { countersAbove } from '../../core/extension-votes.js';
import type { Due } from '../lease/due-heap.js';
import {
  beatMs,
  extensionRetryMs,
  lossMarginMs,
  remoteExtensionDueAt,
} from '../../core/extension-schedule.js';
import { isStalled } from '../../core/stall.js';
import { PRESENT_ONLY } from '../../node/lock-node.js';
import { KeyTracker } from '../quorum/key-tracker.js';
import { LeaseScheduler, type Extendable, type Scheduled } from '../lease/lease-scheduler.js';
import type { Quorum } from '../quorum/quorum.js';
import { SharedLease, type Heartbeat } from './shared-lease.js';

/** A lease as it is handed to another thread. */
export interface RemoteLeaseTerms {
  readonly resources: readonly string[];
  readonly holderId: string;
  readonly ttlMs: number;
  readonly driftMs: number;
  readonly nodeTimeoutMs: number;
  /** When it reaches `maxHoldMs`. */
  readonly maxHoldAt: number;
}

/**
 * Extends leases in the place of the main thread while that does not turn its event loop. It tells in each lease's cell what it
 * has secured, and decides nothing: whether a lease is lost, the main thread finds out when it runs again.
 */
export class StallExtender {
  readonly #scheduler: LeaseScheduler;
  readonly #leases = new Map<number, RemoteLease>();
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
    const lease = new RemoteLease(
      terms,
      new SharedLease(memory),
      this.quorum,
      this.clock,
      this.#scheduler,
      this.#mayAct,
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

  readonly #mayAct = (now: number): boolean =>
    isStalled(now - this.heartbeat.at, this.#shortestTtlMs, this.maxStallMs);
}

class RemoteLease implements Scheduled, Extendable {
  place: Due<Scheduled> | undefined;
  readonly #tracker: KeyTracker;
  #maxCounter = 0;
  #retryAt = 0;
  #isUnderWay = false;

  constructor(
    private readonly terms: RemoteLeaseTerms,
    private readonly shared: SharedLease,
    private readonly quorum: Quorum,
    private readonly clock: Clock,
    private readonly scheduler: LeaseScheduler,
    private readonly mayAct: (now: number) => boolean,
  ) {
    this.#tracker = new KeyTracker(terms.resources, terms.holderId, quorum.nodes.length);
  }

  wake(now: number): number | undefined {
    const validUntil = this.#validUntil();
    if (validUntil === undefined) return undefined;
    const { ttlMs } = this.terms;
    const dueAt = Math.max(this.#retryAt, remoteExtensionDueAt(validUntil, ttlMs));
    if (now < dueAt) return dueAt;
    if (!this.#isUnderWay && this.#mayExtend(now, validUntil)) {
      this.#isUnderWay = true;
      this.scheduler.extend(this);
    }
    return now + beatMs(ttlMs);
  }

  /** A lease that is over, or about to be told lost, is not revived. */
  #mayExtend(now: number, validUntil: number): boolean {
    const { ttlMs, maxHoldAt } = this.terms;
    return now < validUntil - lossMarginMs(ttlMs) && now < maxHoldAt && this.mayAct(now);
  }

  extendInTurn(over: () => void): void {
    void this.#extend().then(over);
  }

  async #extend(): Promise<void> {
    const { ttlMs, nodeTimeoutMs } = this.terms;
    const sentAt = this.clock.stamp();
    const validUntil = this.#validUntil();
    // It may have waited behind others: look again.
    if (validUntil !== undefined && this.#mayExtend(sentAt.monotonicMs, validUntil)) {
      const { maxCounter } = this.shared;
      const call = this.quorum.extend(this.#tracker, {
        ttlMs,
        nodeTimeoutMs,
        validUntil,
        // Its release goes over other connections and may be overtaken: what is gone must stay gone.
        token: PRESENT_ONLY,
        maxCounter: maxCounter === undefined ? undefined : Math.max(maxCounter, this.#maxCounter),
      });
      if ((await call.decided) === 'won') this.shared.recordExtension(sentAt);
      else this.#retryAt = this.clock.now() + extensionRetryMs(ttlMs);
      this.#maxCounter = Math.max(this.#maxCounter, ...countersAbove(call.tally.votes));
    }
    this.#isUnderWay = false;
  }

  /** By the lease's own word, or by what was secured here. */
  #validUntil(): number | undefined {
    const { shared, terms } = this;
    const { validUntil, extendedAt } = shared;
    if (validUntil === undefined || extendedAt === undefined) return validUntil;
    return Math.max(validUntil, extendedAt.monotonicMs + terms.ttlMs - terms.driftMs);
  }
}
