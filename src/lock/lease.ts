import type { Clock } from '../clock.js';
import { countersAbove, takersIn } from '../core/extension.js';
import { extended, held, lost, released, type LeaseState, type LossReason } from '../core/lease-state.js';
import {
  driftMsOf,
  lossMarginMs,
  monotonicValidityLeftMs,
  validityLeftMs,
  type Grant,
  type Stamp,
} from '../core/validity.js';
import type { Claim } from './claim.js';
import { LeaseLostError, QuorumUnreachableError } from './errors.js';
import type { LockEvents } from './events.js';
import type { Kept, LeaseKeeper } from './lease-keeper.js';
import type { QuorumClient } from './quorum-client.js';

/**
 * The handle of a held resource. It ends once: by `release`, or by its loss, which `signal` tells before the nodes' keys
 * can have expired. Use it with `await using`, or release it in a `finally`.
 */
export interface Lease {
  /** What is held, sorted. */
  readonly resources: readonly string[];
  /** The lock's name in metrics and logs. */
  readonly name: string;
  /**
   * The fencing token: greater than that of every earlier holder of these resources. Send it along with every write, and
   * let the store refuse a smaller one than it has seen. Throws a TypeError where `fencing` is off.
   */
  readonly token: number;
  /**
   * Aborts with a LeaseLostError when the lease is lost. A release does not abort it. Where the event loop was blocked past
   * the end of the lease, reading `lease.signal` tells the loss at once; a signal that was read before hears of it as soon
   * as the loop turns, which is after promises that are settled already have gone on.
   */
  readonly signal: AbortSignal;
  /** Whether it excludes this process only, because no quorum was to be had (`fallback: 'memory'`). */
  readonly fallback: boolean;
  /** Which attempt won it, from 1. */
  readonly attempts: number;
  /** Milliseconds for which the lease is still valid, read from the clock at every call; 0 once it is over. */
  remainingMs(): number;
  /** Throws a LeaseLostError unless the lease is valid now: to be called before whatever must not happen twice. */
  assertHeld(): void;
  /**
   * Prolongs the lease to `ttlMs` from now (default: its own TTL); it never shortens it. Not needed where `autoExtend` is
   * on. Rejects with QuorumUnreachableError while the lease goes on, with LeaseLostError once it is over.
   */
  extend(ttlMs?: number): Promise<void>;
  /** Gives the resource back, at the speed of the fastest majority. May be called twice, and late; never rejects. */
  release(): Promise<void>;
  /** The same as `release`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What a lease needs to know of its acquisition. */
export interface LeaseTerms {
  readonly name: string;
  readonly claim: Claim;
  readonly token: number | undefined;
  readonly grant: Grant;
  readonly attempts: number;
  readonly fallback: boolean;
  readonly ttlMs: number;
  readonly nodeTimeoutMs: number;
  readonly driftFactor: number;
  readonly autoExtend: boolean;
  readonly minHoldMs: number;
  readonly maxHoldMs: number | undefined;
}

export interface LeaseContext {
  readonly quorum: QuorumClient;
  readonly clock: Clock;
  readonly events: LockEvents;
  readonly keeper: LeaseKeeper;
  readonly checkTtl: (ttlMs: number) => void;
  readonly onEnd: (lease: HeldLease) => void;
}

/** Extensions start at a third of the TTL, so that two failures leave time for a third try. */
const EXTEND_AFTER = 1 / 3;
/** After a failed extension the next one starts this fraction of the TTL later, at most a second. */
const RETRY_AFTER = 0.1;
const LONGEST_RETRY_MS = 1_000;
/** After a look at which a majority had other owners. */
const SECOND_LOOK_MS = 20;

export class HeldLease implements Lease, Kept {
  place: Kept['place'] = undefined;
  readonly #context: LeaseContext;
  readonly #terms: LeaseTerms;
  /** Made when somebody wants to hear of it: most leases are short, and a signal costs more than the rest of them. */
  #signal: AbortController | undefined;
  #loss: LeaseLostError | undefined;
  readonly #heldSince: Stamp;
  #state: LeaseState;
  #extendAt: number;
  #extending: Promise<boolean> | undefined;
  /** Whether the keeper has an extension of it that waits for others to end. */
  #inBacklog = false;
  /** Whether an extension of the present grant was tried and failed. */
  #failed = false;
  #lastVotes: QuorumUnreachableError['votes'] = [];
  #ended: Promise<void> | undefined;
  /** For how long a node that is away may keep the key. */
  #longestTtlMs: number;
  /** Who refused the last extension, where no majority was left for it. */
  #takers: string | undefined;
  /**
   * What counters are raised to: the token, or the counter of a node that was ahead of it when it granted. Without that such
   * a node would never vote for an extension, and the lease would die with a minority of the others. It keeps the order:
   * the next holder's token is above this, and so above the token that was given out.
   */
  #ceiling: number | undefined;

  constructor(context: LeaseContext, terms: LeaseTerms) {
    this.#context = context;
    this.#terms = terms;
    this.#heldSince = context.clock.stamp();
    this.#state = held(terms.grant);
    this.#ceiling = terms.token;
    this.#longestTtlMs = terms.ttlMs;
    this.#extendAt = this.#extensionDue(terms.grant);
    context.keeper.keep(this, this.#wakeAt());
  }

  get resources(): readonly string[] {
    return this.#terms.claim.resources;
  }

  get name(): string {
    return this.#terms.name;
  }

  get fallback(): boolean {
    return this.#terms.fallback;
  }

  get attempts(): number {
    return this.#terms.attempts;
  }

  get signal(): AbortSignal {
    this.#catchUp();
    if (this.#signal === undefined) {
      this.#signal = new AbortController();
      if (this.#loss !== undefined) this.#signal.abort(this.#loss);
    }
    return this.#signal.signal;
  }

  get token(): number {
    if (this.#terms.token === undefined) throw new TypeError('there is no token: the option fencing is off');
    return this.#terms.token;
  }

  remainingMs(): number {
    this.#catchUp();
    if (this.#state.phase !== 'held') return 0;
    return Math.max(0, validityLeftMs(this.#state.grant, this.#context.clock.stamp()));
  }

  assertHeld(): void {
    if (this.remainingMs() > 0) return;
    throw this.#overError();
  }

  async extend(ttlMs: number = this.#terms.ttlMs): Promise<void> {
    this.#context.checkTtl(ttlMs);
    // One at a time; one that is under way may have been started for a shorter TTL.
    while (this.#extending !== undefined) await this.#extending;
    if (this.#state.phase !== 'held') throw this.#overError();
    const won = await this.#startExtension(ttlMs);
    if (won) return;
    if (this.#state.phase !== 'held') throw this.#overError();
    throw new QuorumUnreachableError(
      this.resources,
      this.#lastVotes,
      'no majority of the nodes extended the lease in time',
    );
  }

  release(): Promise<void> {
    if (this.#state.phase === 'held') {
      // The state first: an extension that is under way can do nothing any more.
      this.#state = released(this.#state);
      const heldMs = this.#leave();
      this.#ended = this.#giveBack(heldMs).then((acknowledged) => this.#tellRelease(heldMs, acknowledged));
    }
    // After its loss the holder says by this that it has stopped.
    this.#ended ??= this.#giveBack(this.#terms.minHoldMs).then(() => undefined);
    return this.#ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  /**
   * Ends the lease against the holder's will. Its keys are left to expire, or to the holder's own `release`: the holder hears
   * of the loss now and needs what is left of their time to stop. Only where the connections are about to be closed they are
   * taken back at once.
   */
  lose(reason: LossReason): void {
    if (this.#state.phase !== 'held') return;
    this.#state = lost(this.#state, reason);
    const heldMs = this.#leave();
    this.#loss = new LeaseLostError(this.resources, reason);
    this.#signal?.abort(this.#loss);
    const { events } = this.#context;
    const { token, name } = this.#terms;
    events.emit({ type: 'lost', name, resources: this.resources, token, heldMs, reason });
    if (reason === 'closed') void this.release();
  }

  /** What the keeper calls when the lease is due: extend it, or tell its loss. Returns when to call again. */
  wake(now: number, dueAt = now): number | undefined {
    if (this.#state.phase !== 'held') return undefined;
    const { clock } = this.#context;
    const { grant } = this.#state;
    const { maxHoldMs, autoExtend } = this.#terms;
    const marginMs = lossMarginMs(grant.ttlMs);
    if (maxHoldMs !== undefined && now - this.#heldSince.monotonicMs >= maxHoldMs) {
      this.lose('max_hold');
      return undefined;
    }
    if (monotonicValidityLeftMs(grant, now) <= marginMs) {
      this.lose(this.#lossReason(now - dueAt > marginMs));
      return undefined;
    }
    // The wall clock alone says that validity ran out: the machine was suspended, or the clock was stepped. Ask the nodes.
    // At once, but only once: where they did not agree, they are asked again at the pace of every other extension.
    const wallRanOut = !this.#failed && validityLeftMs(grant, clock.stamp()) <= marginMs;
    if (autoExtend && this.#isIdle && (now >= this.#extendAt || wallRanOut)) {
      this.#inBacklog = true;
      this.#context.keeper.extend(() => this.#extendInTurn());
    }
    return this.#wakeAt();
  }

  /**
   * Does now what is overdue. Promises that are settled go on before any timer fires: after a section that blocked the event
   * loop, the holder asks before the keeper can have told it.
   */
  #catchUp(): void {
    const now = this.#context.clock.now();
    this.wake(now, Math.min(now, this.#wakeAt()));
  }

  get #isIdle(): boolean {
    return this.#extending === undefined && !this.#inBacklog;
  }

  async #extendInTurn(): Promise<void> {
    this.#inBacklog = false;
    // Its holder may have begun one meanwhile.
    await (this.#extending ?? this.#startExtension(this.#terms.ttlMs));
  }

  #startExtension(ttlMs: number): Promise<boolean> {
    const extending = this.#extend(ttlMs).finally(() => {
      this.#extending = undefined;
      if (this.#state.phase === 'held') this.#context.keeper.keep(this, this.#wakeAt());
    });
    this.#extending = extending;
    return extending;
  }

  async #extend(ttlMs: number): Promise<boolean> {
    const { clock, quorum, events } = this.#context;
    const { claim, token, nodeTimeoutMs, driftFactor, name } = this.#terms;
    if (this.#state.phase !== 'held') return false;
    this.#longestTtlMs = Math.max(this.#longestTtlMs, ttlMs);
    const sentAt = clock.stamp();
    const validUntil = sentAt.monotonicMs + monotonicValidityLeftMs(this.#state.grant, sentAt.monotonicMs);
    const ceiling = this.#ceiling;
    const terms = { ttlMs, nodeTimeoutMs, validUntil };
    const poll = quorum.extend(claim, { ...terms, token, ceiling });
    const { round } = poll;
    const verdict = await poll.decided;
    if (this.#state.phase !== 'held') return false;
    const headroomMs = validityLeftMs(this.#state.grant, clock.stamp());
    const won = verdict === 'won';
    if (won) {
      const grant = { sentAt, ttlMs, driftMs: driftMsOf(ttlMs, driftFactor) };
      this.#state = extended(this.#state, grant);
      this.#extendAt = this.#extensionDue(grant);
      this.#failed = false;
      if (token !== undefined && ceiling !== undefined) {
        const isHeld = (): boolean => this.#state.phase === 'held';
        quorum.heal(claim, poll, { ...terms, token, ceiling }, isHeld, (counter) => this.#raise(counter));
      }
    } else {
      this.#extendAt = clock.now() + Math.min(LONGEST_RETRY_MS, ttlMs * RETRY_AFTER);
      this.#failed = true;
      this.#lastVotes = quorum.named(round);
    }
    if (events.listening) {
      const outcome = won ? 'extended' : 'failed';
      events.emit({ type: 'extended', name, resources: this.resources, outcome, headroomMs, ttlMs });
    }
    for (const counter of countersAbove(round.votes)) this.#raise(counter);
    this.#heed(won ? undefined : takersIn(round.votes));
    return won;
  }

  #raise(counter: number): void {
    if (this.#ceiling !== undefined) this.#ceiling = Math.max(this.#ceiling, counter);
  }

  /**
   * A majority with other owners may be one claimant that only passes by: its round is lost, and undone, where some of its
   * nodes have no vote. Who is still there at a second look has come to stay.
   */
  #heed(takers: string | undefined): void {
    const before = this.#takers;
    this.#takers = takers;
    if (takers === undefined) return;
    if (takers === before) this.lose('taken');
    else if (before === undefined) {
      this.#extendAt = Math.min(this.#extendAt, this.#context.clock.now() + SECOND_LOOK_MS);
    }
  }

  /** Nobody looks after it any more. Returns for how long it was held. */
  #leave(): number {
    const { clock, keeper, onEnd } = this.#context;
    keeper.forget(this);
    onEnd(this);
    return clock.now() - this.#heldSince.monotonicMs;
  }

  #giveBack(heldMs: number): Promise<number> {
    const { quorum } = this.#context;
    const { claim, nodeTimeoutMs, minHoldMs } = this.#terms;
    const ttlMs = this.#longestTtlMs;
    const keepMs = Math.max(0, minHoldMs - heldMs);
    return quorum.giveBack(claim, { ttlMs, nodeTimeoutMs, keepMs, enough: quorum.majority });
  }

  #tellRelease(heldMs: number, acknowledged: number): void {
    const { token, name } = this.#terms;
    this.#context.events.emit({
      type: 'released',
      name,
      resources: this.resources,
      token,
      heldMs,
      acknowledged,
    });
  }

  #lossReason(late: boolean): LossReason {
    if (!this.#terms.autoExtend) return 'not_extended';
    if (late) return 'stalled';
    return this.#failed || !this.#isIdle ? 'unreachable' : 'stalled';
  }

  #overError(): LeaseLostError {
    const reason =
      this.#state.phase === 'released'
        ? 'released'
        : this.#state.phase === 'lost'
          ? this.#state.reason
          : 'stalled';
    return new LeaseLostError(this.resources, reason);
  }

  #extensionDue(grant: Grant): number {
    return grant.sentAt.monotonicMs + grant.ttlMs * EXTEND_AFTER;
  }

  /** The next instant at which there is something to do for this lease. */
  #wakeAt(): number {
    if (this.#state.phase !== 'held') return Number.POSITIVE_INFINITY;
    const { grant } = this.#state;
    const { maxHoldMs, autoExtend } = this.#terms;
    const endsAt = grant.sentAt.monotonicMs + grant.ttlMs - grant.driftMs - lossMarginMs(grant.ttlMs);
    const extendAt = autoExtend && this.#isIdle ? this.#extendAt : endsAt;
    const maxHoldAt = maxHoldMs === undefined ? endsAt : this.#heldSince.monotonicMs + maxHoldMs;
    return Math.min(endsAt, extendAt, maxHoldAt);
  }
}
