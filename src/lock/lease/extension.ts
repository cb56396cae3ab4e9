import { extensionDueAt, extensionRetryMs, lossMarginMs } from '../../core/extension-schedule.js';
import { areGrants, countersAbove } from '../../core/extension-votes.js';
import type { Shortfall } from '../../core/outcome.js';
import type { Verdict } from '../../core/quorum.js';
import { endOf, laterOf, validityLeftMs, type Grant, type Stamp } from '../../core/validity.js';
import type { Vote } from '../../core/vote.js';
import type { NodeVote } from '../../api/errors.js';
import type { Won } from '../acquire/attempt.js';
import type { QuorumCall } from '../quorum/quorum-call.js';
import type { ExtendTerms, RestoreTarget } from '../quorum/terms.js';
import type { ExtensionOwner } from './extension-owner.js';
import { grantOf } from './extension-round.js';
import type { LeaseListener } from './lease-listener.js';
import type { TurnTaker } from './lease-scheduler.js';
import { isTaken, setbackOf, type Setback } from './setback.js';

const NO_VOTES: readonly NodeVote[] = [];

/**
 * The validity of held keys, and how it is extended on the nodes. There may be a hundred thousand of them, so
 * each keeps little: what it was granted is one object for all that were extended together.
 */
export class Extension implements RestoreTarget, TurnTaker {
  /**
   * The last token that was reserved: nobody who comes after has a counter at or below it. `undefined`: no
   * fencing.
   */
  readonly lastToken: number | undefined;
  readonly #owner: ExtensionOwner;
  /** The grant that ends last. */
  #grant: Grant;
  /** What the latest extension asked for. */
  #asked: Grant | undefined;
  #setback: Setback | undefined;
  #longestTtlMs: number;
  #state: 'idle' | 'waiting for its turn' | 'running' = 'idle';
  /** Called at the end of the one that is running. */
  #onEnd: (() => void)[] | undefined;
  /** When it is due because a node votes again that does not have the keys. */
  #dueForNodeAt: number | undefined;
  /** The counter of a node that was ahead of the last token when it granted. */
  #counterAhead: number | undefined;

  constructor(owner: ExtensionOwner, { token, grant }: Won) {
    this.#owner = owner;
    this.lastToken = token;
    this.#grant = grant;
    this.#longestTtlMs = grant.ttlMs;
  }

  get grant(): Grant {
    return this.#grant;
  }

  /**
   * What counters are raised to: the last token, or the counter of a node that was ahead of it when it
   * granted. Without that, such a node would never grant an extension, and the lease would die with a
   * minority of the others. The order of tokens is kept: the next holder's token is above this, and so above
   * all that were given out.
   */
  get maxCounter(): number | undefined {
    return this.#counterAhead ?? this.lastToken;
  }

  /** The longest TTL of all extensions: a node that is away may keep the keys that long. */
  get longestTtlMs(): number {
    return this.#longestTtlMs;
  }

  get isIdle(): boolean {
    return this.#state === 'idle';
  }

  get isRunning(): boolean {
    return this.#state === 'running';
  }

  /** What the nodes said to the last extension, if it failed. */
  get failedVotes(): readonly NodeVote[] {
    return this.#setback?.votes ?? NO_VOTES;
  }

  /** Why no majority extended the keys, as the votes of the last extension say. */
  get shortfall(): Shortfall {
    return this.#setback?.shortfall ?? 'unreachable';
  }

  /** Whether the last extension failed. */
  get hasFailed(): boolean {
    return this.#setback !== undefined;
  }

  /** When the next one is due; infinite while one is on its way. */
  get dueAt(): number {
    if (!this.isIdle) return Number.POSITIVE_INFINITY;
    const dueAt = this.#setback?.dueAt ?? extensionDueAt(this.#asked ?? this.#grant);
    return this.#dueForNodeAt === undefined ? dueAt : Math.min(dueAt, this.#dueForNodeAt);
  }

  /** Whether the keys are valid by both clocks: after a sleep of the machine only a majority could tell. */
  get isHeld(): boolean {
    return this.#owner.lease !== undefined && this.#leftMs() > 0;
  }

  /**
   * Whether it is time for an extension. If only the wall clock says that validity ran out, the machine was
   * suspended, or the clock was stepped. Then the nodes are asked at once, but only once: if they did not
   * agree, at the usual pace.
   */
  isDue(now: number): boolean {
    if (!this.isIdle) return false;
    return now >= this.dueAt || (!this.hasFailed && this.#leftMs() <= lossMarginMs(this.#grant.ttlMs));
  }

  /** Extends the keys as soon as it is their turn. */
  request(): void {
    this.#state = 'waiting for its turn';
    this.#owner.context.scheduler.requestTurn(this);
  }

  takeTurn(sentAt: Stamp): void {
    const { endTurn } = this.#owner.context.scheduler;
    const { lease } = this.#owner;
    // Meanwhile the lease may have ended, or its holder may have extended it.
    if (lease === undefined || this.#state !== 'waiting for its turn') endTurn();
    else this.#begin(lease, lease.terms.ttlMs, sentAt, endTurn);
  }

  /** Extends the keys now. Returns whether a majority granted it. */
  extendNow(lease: LeaseListener, ttlMs: number): Promise<boolean> {
    return new Promise((resolve) => this.#begin(lease, ttlMs, this.#owner.context.clock.stamp(), resolve));
  }

  /** Resolves at the end of the extension that is running. */
  whenEnded(): Promise<void> {
    return new Promise((resolve) => (this.#onEnd ??= []).push(resolve));
  }

  /**
   * A node votes from now on. If it does not have the keys, they are extended at once: should another node go
   * before the next extension is due, this one makes the majority, and claimants cannot raise its counter
   * above the token meanwhile. A node that comes and goes causes no more extensions than one that fails.
   */
  extendFor(nodeIndex: number): void {
    if (this.#owner.tracker.isGranted(nodeIndex)) return;
    const beganAt = this.#asked?.sentAt.monotonicMs ?? Number.NEGATIVE_INFINITY;
    this.#dueForNodeAt = beganAt + extensionRetryMs(this.#grant.ttlMs);
    this.#owner.reschedule();
  }

  /** The keys may be extended by this TTL from elsewhere. */
  expectTtl(ttlMs: number): void {
    this.#longestTtlMs = Math.max(this.#longestTtlMs, ttlMs);
  }

  /**
   * Takes an extension that a majority granted to another thread. If keys were set again without a majority,
   * it proves nothing: the other thread cannot know whether the machine slept before.
   */
  adopt(sentAt: Stamp, ttlMs: number): void {
    if (this.#isRestoredWithoutQuorum) return;
    this.#asked = grantOf(sentAt, ttlMs, this.#owner.context.driftFactor);
    this.#prolong(this.#asked);
  }

  /** Takes the answer of a node to the extension of keys that were set again. */
  receive(_nodeIndex: number, vote: Vote): void {
    if (vote.kind === 'refused' && vote.counter !== undefined) this.#raiseMaxCounter(vote.counter);
  }

  get #isRestoredWithoutQuorum(): boolean {
    return this.#setback?.isRestoredWithoutQuorum === true;
  }

  #leftMs(): number {
    return validityLeftMs(this.#grant, this.#owner.context.clock.stamp());
  }

  /** Calls back once, when it is over, with whether a majority granted it. */
  #begin({ id, terms }: LeaseListener, ttlMs: number, sentAt: Stamp, onEnd: (won: boolean) => void): void {
    const { nodeTimeoutMs } = terms;
    const { quorum, tracker } = this.#owner;
    const { shared, grant } = this.#owner.context.rounds.roundAt(quorum, sentAt, ttlMs, nodeTimeoutMs);
    this.#state = 'running';
    this.expectTtl(ttlMs);
    this.#asked = grant;
    this.#dueForNodeAt = undefined;
    const validUntil = endOf(this.#grant);
    const { lastToken: token, maxCounter } = this;
    const extendTerms = { id, ttlMs, nodeTimeoutMs, validUntil, token, maxCounter };
    const call = quorum.extend(tracker, extendTerms, shared);
    call.whenDecided((verdict) => {
      const won = this.#conclude(call, verdict, grant, extendTerms);
      this.#state = 'idle';
      this.#owner.reschedule();
      onEnd(won);
      const waiting = this.#onEnd;
      this.#onEnd = undefined;
      waiting?.forEach((goOn) => goOn());
    });
  }

  #conclude(call: QuorumCall, verdict: Verdict, grant: Grant, terms: ExtendTerms): boolean {
    // By now it may be another lease: what was won is won for the keys.
    const { lease, quorum, tracker } = this.#owner;
    if (lease === undefined) return false;
    const headroomMs = this.#leftMs();
    // Keys that were set again without a majority prove nothing if the machine may have slept in between.
    const won = verdict === 'won' && !(this.#isRestoredWithoutQuorum && headroomMs <= 0);
    const before = this.#setback;
    const setback = won ? undefined : setbackOf(quorum, call.tally, terms, before);
    if (won) this.#prolong(grant);
    else this.#setback = setback;
    this.#emitExtended(lease, won, headroomMs, terms.ttlMs);
    const { votes } = call.tally;
    if (!areGrants(votes)) for (const counter of countersAbove(votes)) this.#raiseMaxCounter(counter);
    if (setback?.takers === undefined && terms.token !== undefined)
      quorum.restoreKeys(tracker, call, terms, this);
    if (isTaken(setback, before)) lease.lose('taken');
    return won;
  }

  #emitExtended(
    { id, terms: { name } }: LeaseListener,
    won: boolean,
    headroomMs: number,
    ttlMs: number,
  ): void {
    const { events } = this.#owner.context;
    if (!events.listening) return;
    const { resources } = this.#owner.tracker;
    const outcome = won ? 'extended' : 'failed';
    events.emit({ type: 'extended', id, name, resources, outcome, headroomMs, ttlMs });
  }

  #prolong(grant: Grant): void {
    this.#grant = laterOf(this.#grant, grant);
    this.#setback = undefined;
  }

  #raiseMaxCounter(counter: number): void {
    const { maxCounter } = this;
    if (maxCounter !== undefined && counter > maxCounter) this.#counterAhead = counter;
  }
}
