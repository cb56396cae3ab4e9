import type { Clock } from '../../clock.js';
import { countersAbove } from '../../core/extension-votes.js';
import type { Due } from '../lease/due-heap.js';
import { beatMs, mayStandIn } from '../../core/stall.js';
import { lossMarginMs } from '../../core/validity.js';
import { PRESENT_ONLY } from '../../node/lock-node.js';
import { KeyTracker } from '../quorum/key-tracker.js';
import { LeaseKeeper, type Extendable, type Kept } from '../lease/lease-scheduler.js';
import type { Quorum } from '../quorum/quorum.js';
import { StallCell, type Heartbeat } from './shared-lease.js';

/** A lease as it is handed to another thread. */
export interface StandInTerms {
  readonly resources: readonly string[];
  readonly holderId: string;
  readonly ttlMs: number;
  readonly driftMs: number;
  readonly nodeTimeoutMs: number;
  /** When it reaches `maxHoldMs`. */
  readonly maxHoldAt: number;
}

/** The main thread extends from a third of the TTL on; so much later it should have done it. */
const DUE_LEFT = 0.6;
/** After an extension that failed. */
const RETRY_AFTER = 0.1;
const LONGEST_RETRY_MS = 1_000;

/**
 * Extends leases in the place of the main thread while that does not turn its event loop. It tells in each lease's cell what it
 * has secured, and decides nothing: whether a lease is lost, the main thread finds out when it runs again.
 */
export class StallExtender {
  readonly #keeper: LeaseKeeper;
  readonly #leases = new Map<number, StandIn>();
  #shortestTtlMs = Number.POSITIVE_INFINITY;

  constructor(
    private readonly quorum: Quorum,
    private readonly clock: Clock,
    private readonly heartbeat: Heartbeat,
    private readonly maxStallMs: number,
  ) {
    this.#keeper = new LeaseKeeper(clock);
  }

  begin(id: number, terms: StandInTerms, memory: SharedArrayBuffer): void {
    this.#shortestTtlMs = Math.min(this.#shortestTtlMs, terms.ttlMs);
    const lease = new StandIn(
      terms,
      new StallCell(memory),
      this.quorum,
      this.clock,
      this.#keeper,
      this.#mayAct,
    );
    this.#leases.set(id, lease);
    this.#keeper.keep(lease, this.clock.now());
  }

  end(id: number): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    this.#leases.delete(id);
    this.#keeper.forget(lease);
  }

  readonly #mayAct = (now: number): boolean =>
    mayStandIn(now - this.heartbeat.at, this.#shortestTtlMs, this.maxStallMs);
}

class StandIn implements Kept, Extendable {
  place: Due<Kept> | undefined;
  readonly #tracker: KeyTracker;
  #ceiling = 0;
  #retryAt = 0;
  #isUnderWay = false;

  constructor(
    private readonly terms: StandInTerms,
    private readonly cell: StallCell,
    private readonly quorum: Quorum,
    private readonly clock: Clock,
    private readonly keeper: LeaseKeeper,
    private readonly mayAct: (now: number) => boolean,
  ) {
    this.#tracker = new KeyTracker(terms.resources, terms.holderId, quorum.nodes.length);
  }

  wake(now: number): number | undefined {
    const validUntil = this.#validUntil();
    if (validUntil === undefined) return undefined;
    const { ttlMs } = this.terms;
    const dueAt = Math.max(this.#retryAt, validUntil - ttlMs * DUE_LEFT);
    if (now < dueAt) return dueAt;
    if (!this.#isUnderWay && this.#mayExtend(now, validUntil)) {
      this.#isUnderWay = true;
      this.keeper.extend(this);
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
      const { ceiling } = this.cell;
      const poll = this.quorum.extend(this.#tracker, {
        ttlMs,
        nodeTimeoutMs,
        validUntil,
        // Its release goes over other connections and may be overtaken: what is gone must stay gone.
        token: PRESENT_ONLY,
        ceiling: ceiling === undefined ? undefined : Math.max(ceiling, this.#ceiling),
      });
      if ((await poll.decided) === 'won') this.cell.secure(sentAt);
      else this.#retryAt = this.clock.now() + Math.min(LONGEST_RETRY_MS, ttlMs * RETRY_AFTER);
      this.#ceiling = Math.max(this.#ceiling, ...countersAbove(poll.tally.votes));
    }
    this.#isUnderWay = false;
  }

  /** By the lease's own word, or by what was secured here. */
  #validUntil(): number | undefined {
    const { cell, terms } = this;
    const { validUntil, securedAt } = cell;
    if (validUntil === undefined || securedAt === undefined) return validUntil;
    return Math.max(validUntil, securedAt.monotonicMs + terms.ttlMs - terms.driftMs);
  }
}
