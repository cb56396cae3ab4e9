import type { Clock } from '../../clock.js';
import { areGrants, countersAbove, takersIn } from '../../core/extension-votes.js';
import { extensionDueAt, extensionRetryMs, secondLookAt } from '../../core/extension-schedule.js';
import { mayFollow } from '../../core/local-handover.js';
import type { LossReason } from '../../core/lease-state.js';
import type { Verdict } from '../../core/quorum.js';
import type { Vote } from '../../core/vote.js';
import {
  driftMsOf,
  monotonicValidityLeftMs,
  validityLeftMs,
  type Grant,
  type Stamp,
} from '../../core/validity.js';
import type { Won } from '../acquire/attempt.js';
import type { QueueEntry } from '../../node/lock-node.js';
import type { KeyTracker } from '../quorum/key-tracker.js';
import type { QuorumUnreachableError } from '../../api/errors.js';
import type { LockEvents } from '../../api/events.js';
import type { QuorumCall } from '../quorum/quorum-call.js';
import type { ReleaseResult } from '../quorum/release.js';
import type { RestoreTarget, Quorum } from '../quorum/quorum.js';
import type { RemoteLeaseTerms } from '../stall/stall-extender.js';

/** The lease that the keys are held for now. */
export interface LeaseListener {
  readonly name: string;
  /** A won extension; gives the grant that holds from now on. */
  extendedTo(grant: Grant): Grant;
  lose(reason: LossReason): void;
  /** An extension is over: there is something else to wait for. */
  reschedule(): void;
}

/** What an extension asks for. */
interface Asked {
  readonly ttlMs: number;
  readonly nodeTimeoutMs: number;
  readonly validUntil: number;
  readonly token: number | undefined;
  readonly maxCounter: number | undefined;
}

const NO_VOTES: QuorumUnreachableError['votes'] = [];

/**
 * What a won acquire round has on the nodes, from then until it is given back: leases of this process may follow each other on it,
 * each with a token of its own from the range that was reserved. It extends the keys, and takes them back.
 */
export class HeldKeys implements RestoreTarget {
  readonly tracker: KeyTracker;
  grant: Grant;
  /** When the next extension is due. */
  extendAt: number;
  /** Whether the last extension failed, and what the nodes said. */
  failed = false;
  lastVotes: QuorumUnreachableError['votes'] = NO_VOTES;
  readonly #quorum: Quorum;
  readonly #run: { startedAt: number; leases: number; reserved: number; othersWait: boolean };
  readonly #firstToken: number | undefined;
  /** The last of the range: nobody who comes after has a counter at or below it. */
  readonly #lastToken: number | undefined;
  readonly #driftFactor: number;
  #listener: LeaseListener | undefined;
  #isExtending = false;
  /** Who waits for the end of it. */
  #onIdle: (() => void)[] | undefined;
  /** When the last extension began. */
  #extendedAt = Number.NEGATIVE_INFINITY;
  /** When the next one is due because a node came that the keys are not on; for what is known since the last one began. */
  #extendSoonAt = Number.POSITIVE_INFINITY;
  /** For how long a node that is away may keep the key. */
  #longestTtlMs: number;
  /** Whether keys were set again after an extension that no majority granted, and none has since. */
  #restoredWithoutQuorum = false;
  /** Who refused the last extension, where no majority was left for it. */
  #takers: string | undefined;
  /**
   * What counters are raised to: the last token, or the counter of a node that was ahead of it when it granted. Without that
   * such a node would never vote for an extension, and the lease would die with a minority of the others. It keeps the
   * order: the next holder's token is above this, and so above those that were given out.
   */
  #maxCounter: number | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly events: LockEvents,
    { quorum, tracker, token, grant, request, othersWait }: Won,
  ) {
    this.tracker = tracker;
    this.grant = grant;
    this.#quorum = quorum;
    this.#driftFactor = request.driftFactor;
    this.#longestTtlMs = grant.ttlMs;
    this.#lastToken = token;
    this.#firstToken = token === undefined ? undefined : token - request.tokens + 1;
    this.#maxCounter = token;
    this.#run = { startedAt: clock.now(), leases: 0, reserved: request.tokens, othersWait };
    this.extendAt = extensionDueAt(grant);
  }

  /** What counters may be raised to, by us and by whoever extends in our place. */
  get maxCounter(): number | undefined {
    return this.#maxCounter;
  }

  get isExtending(): boolean {
    return this.#isExtending;
  }

  /** Whether another lease may follow on these keys when the present one is released. */
  get mayFollow(): boolean {
    return mayFollow(this.#run, this.grant, this.clock.stamp());
  }

  /** Whether other processes were waiting for it when it was won. */
  get othersWait(): boolean {
    return this.#run.othersWait;
  }

  get remainingMs(): number {
    return Math.max(0, validityLeftMs(this.grant, this.clock.stamp()));
  }

  isOn(quorum: Quorum): boolean {
    return this.#quorum === quorum;
  }

  /** On how many nodes the keys may be. */
  get nodes(): number {
    return this.#quorum.nodes.filter((_, nodeIndex) => this.tracker.mayHoldTheKey(nodeIndex)).length;
  }

  /** The token of the lease that begins now. */
  begin(): number | undefined {
    const token = this.#firstToken === undefined ? undefined : this.#firstToken + this.#run.leases;
    this.#run.leases++;
    return token;
  }

  /** From now on the keys are this lease's. */
  pass(listener: LeaseListener): void {
    this.#listener = listener;
  }

  /** The lease is lost: nothing is done for it any more. */
  detach(): void {
    this.#listener = undefined;
  }

  /**
   * The member votes from now on. Where the keys are not on it, they are put there at once: should another node go before the
   * next extension is due, this one makes the majority, and claimants cannot raise its counter above the token meanwhile. A
   * node that comes and goes hastens no more extensions than one that fails.
   */
  extendSoon(nodeIndex: number): void {
    if (this.#listener === undefined || this.tracker.isGranted(nodeIndex)) return;
    this.#extendSoonAt = this.#extendedAt + extensionRetryMs(this.grant.ttlMs);
    this.extendAt = Math.min(this.extendAt, this.#extendSoonAt);
    this.#listener.reschedule();
  }

  /** Begins an extension, where none is under way; calls back when it is over, with whether a majority granted it. */
  extend(ttlMs: number, nodeTimeoutMs: number, over: (won: boolean) => void): void {
    if (this.#listener === undefined) return over(false);
    this.#isExtending = true;
    this.#longestTtlMs = Math.max(this.#longestTtlMs, ttlMs);
    const sentAt = this.clock.stamp();
    this.#extendedAt = sentAt.monotonicMs;
    this.#extendSoonAt = Number.POSITIVE_INFINITY;
    const validUntil = sentAt.monotonicMs + monotonicValidityLeftMs(this.grant, sentAt.monotonicMs);
    const asked = { ttlMs, nodeTimeoutMs, validUntil, token: this.#lastToken, maxCounter: this.#maxCounter };
    const call = this.#quorum.extend(this.tracker, asked);
    call.whenDecided((verdict) => {
      const won = this.#conclude(call, verdict, sentAt, asked);
      this.#isExtending = false;
      this.#listener?.reschedule();
      over(won);
      const waiting = this.#onIdle;
      this.#onIdle = undefined;
      waiting?.forEach((then) => then());
    });
  }

  /** Resolves when the extension that is under way is over. */
  idle(): Promise<void> {
    return new Promise((resolve) => (this.#onIdle ??= []).push(resolve));
  }

  /**
   * A majority was asked by somebody who stood in at that instant, and extended the keys that were there. Where keys were set
   * again without a majority's proof that proves nothing, as he cannot tell whether the machine slept before.
   */
  recordExtension(sentAt: Stamp, ttlMs: number): void {
    if (this.#listener !== undefined && !this.#restoredWithoutQuorum)
      this.#prolong(this.#listener, sentAt, ttlMs);
  }

  /** What somebody has to know who extends the keys, by this TTL, while the event loop is blocked. */
  remoteLeaseTerms(ttlMs: number): Pick<RemoteLeaseTerms, 'resources' | 'holderId' | 'ttlMs' | 'driftMs'> {
    const { resources, holderId } = this.tracker;
    this.#longestTtlMs = Math.max(this.#longestTtlMs, ttlMs);
    return { resources, holderId, ttlMs, driftMs: driftMsOf(ttlMs, this.#driftFactor) };
  }

  /**
   * Takes the keys off the nodes, or leaves them `keepMs` to live; tells how many nodes said so, and whether any
   * of them told somebody who waits. Who waits in this process, behind those of others, goes on the nodes' lists with it.
   */
  release(nodeTimeoutMs: number, keepMs: number, queueEntry: QueueEntry | undefined): Promise<ReleaseResult> {
    this.#listener = undefined;
    const enough = this.#quorum.majority;
    return this.#quorum.release(this.tracker, {
      ttlMs: this.#longestTtlMs,
      nodeTimeoutMs,
      keepMs,
      enough,
      queueEntry,
    });
  }

  #conclude(call: QuorumCall, verdict: Verdict, sentAt: Stamp, asked: Asked): boolean {
    const { clock, tracker, events } = this;
    const quorum = this.#quorum;
    const { tally } = call;
    const { ttlMs } = asked;
    // By now it may be another lease's: what was won is won for the keys.
    const listener = this.#listener;
    if (listener === undefined) return false;
    const headroomMs = validityLeftMs(this.grant, clock.stamp());
    // Keys that were set again without a majority's proof prove nothing where the machine may have slept in between.
    const won = verdict === 'won' && !(this.#restoredWithoutQuorum && headroomMs <= 0);
    if (won) {
      this.#prolong(listener, sentAt, ttlMs);
      this.#restoredWithoutQuorum = false;
    } else {
      this.extendAt = clock.now() + extensionRetryMs(ttlMs);
      this.failed = true;
      this.lastVotes = quorum.namedVotes(tally);
    }
    this.extendAt = Math.min(this.extendAt, this.#extendSoonAt);
    if (events.listening) {
      const outcome = won ? 'extended' : 'failed';
      const { resources } = tracker;
      events.emit({ type: 'extended', name: listener.name, resources, outcome, headroomMs, ttlMs });
    }
    if (!areGrants(tally.votes)) for (const counter of countersAbove(tally.votes)) this.#raise(counter);
    const takers = won ? undefined : takersIn(quorum.withoutUntrusted(tally));
    if (takers === undefined && isFenced(asked)) {
      this.#restoredWithoutQuorum ||= !won;
      quorum.restoreKeys(tracker, call, asked, this);
    }
    this.#heed(takers);
    return won;
  }

  /** By both clocks: after a sleep others may have come and gone, and only a majority could tell. */
  get isHeld(): boolean {
    return this.#listener !== undefined && this.remainingMs > 0;
  }

  /** What an extension got where the key was set again. */
  receive(_nodeIndex: number, vote: Vote): void {
    if (vote.kind === 'refused' && vote.counter !== undefined) this.#raise(vote.counter);
  }

  #prolong(listener: LeaseListener, sentAt: Stamp, ttlMs: number): void {
    const grant = { sentAt, ttlMs, driftMs: driftMsOf(ttlMs, this.#driftFactor) };
    this.grant = listener.extendedTo(grant);
    this.extendAt = extensionDueAt(grant);
    this.failed = false;
  }

  #raise(counter: number): void {
    if (this.#maxCounter !== undefined) this.#maxCounter = Math.max(this.#maxCounter, counter);
  }

  /**
   * A majority with other owners may be one claimant that only passes by: its round is lost, and undone, where some of its
   * nodes have no vote. Who is still there at a second look has come to stay.
   */
  #heed(takers: string | undefined): void {
    const before = this.#takers;
    this.#takers = takers;
    if (takers === undefined) return;
    if (takers === before) this.#listener?.lose('taken');
    else if (before === undefined) {
      this.extendAt = Math.min(this.extendAt, secondLookAt(this.clock.now()));
    }
  }
}

const isFenced = (asked: Asked): asked is Asked & { readonly token: number; readonly maxCounter: number } =>
  asked.token !== undefined && asked.maxCounter !== undefined;
