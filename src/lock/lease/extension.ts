import type { Clock } from '../../clock.js';
import {
  extensionDueAt,
  extensionRetryMs,
  lossMarginMs,
  secondLookAt,
} from '../../core/extension-schedule.js';
import { areGrants, countersAbove, takersIn } from '../../core/extension-votes.js';
import { shortfallOf, type Shortfall } from '../../core/outcome.js';
import type { Verdict } from '../../core/quorum.js';
import { driftMsOf, endOf, laterOf, validityLeftMs, type Grant, type Stamp } from '../../core/validity.js';
import type { Vote } from '../../core/vote.js';
import type { NodeVote } from '../../api/errors.js';
import type { LockEvents } from '../../api/lock-events.js';
import type { Won } from '../acquire/attempt.js';
import type { KeyTracker } from '../quorum/key-tracker.js';
import type { QuorumCall } from '../quorum/quorum-call.js';
import type { Quorum } from '../quorum/quorum.js';
import type { ExtendTerms, RestoreTarget } from '../quorum/terms.js';
import type { LeaseListener } from './lease-listener.js';
import type { LeaseScheduler, TurnTaker } from './lease-scheduler.js';

/** What the extensions of a manager have in common. */
export interface ExtensionContext {
  readonly clock: Clock;
  readonly events: LockEvents;
  readonly scheduler: LeaseScheduler;
  readonly driftFactor: number;
}

/** The owner of the keys that are extended. */
export interface ExtensionOwner {
  /** `undefined` once the keys are held for nobody: then answers that arrive mean nothing any more. */
  readonly lease: LeaseListener | undefined;
  /** An extension is over, or due earlier: there is something else to wait for. */
  reschedule(): void;
}

const NO_VOTES: readonly NodeVote[] = [];

/** The validity of held keys, and how it is extended on the nodes. */
export class Extension implements RestoreTarget, TurnTaker {
  /** What the nodes said to the last extension that failed. */
  failedVotes = NO_VOTES;
  readonly #context: ExtensionContext;
  readonly #owner: ExtensionOwner;
  readonly #quorum: Quorum;
  readonly #tracker: KeyTracker;
  /**
   * The last token that was reserved: nobody who comes after has a counter at or below it. `undefined`: no
   * fencing.
   */
  readonly #lastToken: number | undefined;
  #grant: Grant;
  #longestTtlMs: number;
  #state: 'idle' | 'waiting for its turn' | 'running' = 'idle';
  /** Who waits for the end of the one that is running. */
  #onEnd: (() => void)[] | undefined;
  /** When the next one is due, and when the last one began. */
  #dueAt: number;
  #beganAt = Number.NEGATIVE_INFINITY;
  /** When it is due because a node votes again that does not have the keys. */
  #dueForNodeAt = Number.POSITIVE_INFINITY;
  #hasFailed = false;
  /** Why the last one that failed had too few votes. */
  #shortfall: Shortfall = 'unreachable';
  /** Who refused the last one so that no majority was left; see `takersIn`. */
  #takers: string | undefined;
  /**
   * Whether keys were set again after an extension that no majority granted, and no majority has granted one
   * since.
   */
  #isRestoredWithoutQuorum = false;
  /**
   * What counters are raised to: the last token, or the counter of a node that was ahead of it when it
   * granted. Without that, such a node would never grant an extension, and the lease would die with a
   * minority of the others. The order of tokens is kept: the next holder's token is above this, and so above
   * all that were given out.
   */
  #maxCounter: number | undefined;

  constructor(context: ExtensionContext, owner: ExtensionOwner, { quorum, tracker, token, grant }: Won) {
    this.#context = context;
    this.#owner = owner;
    this.#quorum = quorum;
    this.#tracker = tracker;
    this.#lastToken = token;
    this.#maxCounter = token;
    this.#grant = grant;
    this.#longestTtlMs = grant.ttlMs;
    this.#dueAt = extensionDueAt(grant);
  }

  get grant(): Grant {
    return this.#grant;
  }

  get maxCounter(): number | undefined {
    return this.#maxCounter;
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

  /** Why no majority extended the keys, as the votes of the last extension say. */
  get shortfall(): Shortfall {
    return this.#hasFailed ? this.#shortfall : 'unreachable';
  }

  /** Whether the last extension failed. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** When the next one is due; infinite while one is on its way. */
  get dueAt(): number {
    return this.isIdle ? this.#dueAt : Number.POSITIVE_INFINITY;
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
    return now >= this.#dueAt || (!this.#hasFailed && this.#leftMs() <= lossMarginMs(this.#grant.ttlMs));
  }

  /** Extends the keys as soon as it is their turn. */
  request(): void {
    this.#state = 'waiting for its turn';
    this.#context.scheduler.requestTurn(this);
  }

  takeTurn(): void {
    const { endTurn } = this.#context.scheduler;
    const { lease } = this.#owner;
    // Meanwhile the lease may have ended, or its holder may have extended it.
    if (lease === undefined || this.#state !== 'waiting for its turn') endTurn();
    else this.#begin(lease, lease.terms.ttlMs, endTurn);
  }

  /** Extends the keys now. Returns whether a majority granted it. */
  extendNow(lease: LeaseListener, ttlMs: number): Promise<boolean> {
    return new Promise((resolve) => this.#begin(lease, ttlMs, resolve));
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
    if (this.#tracker.isGranted(nodeIndex)) return;
    this.#dueForNodeAt = this.#beganAt + extensionRetryMs(this.#grant.ttlMs);
    this.#dueAt = Math.min(this.#dueAt, this.#dueForNodeAt);
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
    if (!this.#isRestoredWithoutQuorum) this.#prolong(sentAt, ttlMs);
  }

  /** Takes the answer of a node to the extension of keys that were set again. */
  receive(_nodeIndex: number, vote: Vote): void {
    if (vote.kind === 'refused' && vote.counter !== undefined) this.#raiseMaxCounter(vote.counter);
  }

  #leftMs(): number {
    return validityLeftMs(this.#grant, this.#context.clock.stamp());
  }

  /** Calls back once, when it is over, with whether a majority granted it. */
  #begin({ id, terms }: LeaseListener, ttlMs: number, onEnd: (won: boolean) => void): void {
    this.#state = 'running';
    this.expectTtl(ttlMs);
    const sentAt = this.#context.clock.stamp();
    this.#beganAt = sentAt.monotonicMs;
    this.#dueForNodeAt = Number.POSITIVE_INFINITY;
    const extendTerms = {
      id,
      ttlMs,
      nodeTimeoutMs: terms.nodeTimeoutMs,
      validUntil: endOf(this.#grant),
      token: this.#lastToken,
      maxCounter: this.#maxCounter,
    };
    const call = this.#quorum.extend(this.#tracker, extendTerms);
    call.whenDecided((verdict) => {
      const won = this.#conclude(call, verdict, sentAt, extendTerms);
      this.#state = 'idle';
      this.#owner.reschedule();
      onEnd(won);
      const waiting = this.#onEnd;
      this.#onEnd = undefined;
      waiting?.forEach((goOn) => goOn());
    });
  }

  #conclude(call: QuorumCall, verdict: Verdict, sentAt: Stamp, terms: ExtendTerms): boolean {
    // By now it may be another lease: what was won is won for the keys.
    const { lease } = this.#owner;
    if (lease === undefined) return false;
    const headroomMs = this.#leftMs();
    // Keys that were set again without a majority prove nothing if the machine may have slept in between.
    const won = verdict === 'won' && !(this.#isRestoredWithoutQuorum && headroomMs <= 0);
    if (won) {
      this.#prolong(sentAt, terms.ttlMs);
      this.#isRestoredWithoutQuorum = false;
    } else {
      this.#dueAt = this.#context.clock.now() + extensionRetryMs(terms.ttlMs);
      this.#hasFailed = true;
      this.failedVotes = this.#quorum.namedVotes(call.tally);
      this.#shortfall = shortfallOf(call.tally.votes, call.tally.majority);
    }
    this.#dueAt = Math.min(this.#dueAt, this.#dueForNodeAt);
    this.#emitExtended(lease, won, headroomMs, terms.ttlMs);
    const { votes } = call.tally;
    if (!areGrants(votes)) for (const counter of countersAbove(votes)) this.#raiseMaxCounter(counter);
    const takers = won ? undefined : takersIn(this.#quorum.withoutUntrusted(call.tally), call.tally.majority);
    if (takers === undefined && terms.token !== undefined) {
      this.#isRestoredWithoutQuorum ||= !won;
      this.#quorum.restoreKeys(this.#tracker, call, terms, this);
    }
    this.#heedTakers(takers);
    return won;
  }

  #emitExtended(
    { id, terms: { name } }: LeaseListener,
    won: boolean,
    headroomMs: number,
    ttlMs: number,
  ): void {
    const { events } = this.#context;
    if (!events.listening) return;
    const { resources } = this.#tracker;
    const outcome = won ? 'extended' : 'failed';
    events.emit({ type: 'extended', id, name, resources, outcome, headroomMs, ttlMs });
  }

  #prolong(sentAt: Stamp, ttlMs: number): void {
    const grant = { sentAt, ttlMs, driftMs: driftMsOf(ttlMs, this.#context.driftFactor) };
    this.#grant = laterOf(this.#grant, grant);
    this.#dueAt = extensionDueAt(grant);
    this.#hasFailed = false;
  }

  #raiseMaxCounter(counter: number): void {
    if (this.#maxCounter !== undefined) this.#maxCounter = Math.max(this.#maxCounter, counter);
  }

  /**
   * A majority with other owners may be a claimant that only passes by: its round is lost, and released, if
   * some of its nodes have no vote. If the same owners are there at a second look, the lease is lost.
   */
  #heedTakers(takers: string | undefined): void {
    const takersBefore = this.#takers;
    this.#takers = takers;
    if (takers === undefined) return;
    if (takers === takersBefore) this.#owner.lease?.lose('taken');
    else if (takersBefore === undefined) {
      this.#dueAt = Math.min(this.#dueAt, secondLookAt(this.#context.clock.now()));
    }
  }
}
