import { lossMarginMs, lostAt } from '../../core/extension-schedule.js';
import type { LossReason } from '../../core/lease-state.js';
import { driftMsOf, endOf, validityLeftMs } from '../../core/validity.js';
import type { NodeVote } from '../../api/errors.js';
import type { Won } from '../acquire/attempt.js';
import { pause } from '../acquire/cancellation.js';
import type { KeyTracker } from '../quorum/key-tracker.js';
import type { Quorum } from '../quorum/quorum.js';
import type { ReleaseTerms } from '../quorum/terms.js';
import type { ReleaseResult } from '../quorum/release.js';
import type { Due } from './due-heap.js';
import { Extension } from './extension.js';
import type { ExtensionContext, ExtensionOwner } from './extension-owner.js';
import { HeldRun } from './held-run.js';
import type { LeaseListener } from './lease-listener.js';
import type { Scheduled } from './lease-scheduler.js';
import type { LeaseGuard, RemoteLease } from './lease-guard.js';
import { TokenRange } from './token-range.js';

/** What a lease says of its release; the keys know the rest. */
export type LeaseReleaseTerms = Pick<ReleaseTerms, 'id' | 'nodeTimeoutMs' | 'keepMs' | 'finish' | 'note'>;

/** What all held keys of a manager have in common. */
export interface HeldKeysContext extends ExtensionContext {
  /** Extends leases while the event loop is blocked; `undefined`: nobody does. */
  readonly guard: LeaseGuard | undefined;
}

/**
 * The keys of a won acquire round, from then until they are released. It owns the grant and its extension,
 * and notices when they cannot be held any longer. Leases of this process may follow each other on the same
 * keys.
 */
export class HeldKeys implements Scheduled, ExtensionOwner {
  readonly tracker: KeyTracker;
  /** The run of a tick that the keys are for. Such keys have one lease only. */
  readonly run: HeldRun | undefined;
  due: Due<Scheduled> | undefined;
  dueIndex = 0;
  readonly quorum: Quorum;
  readonly context: HeldKeysContext;
  /** `undefined` if the grant is for one lease only and no other process waits, as nearly always. */
  readonly #tokens: TokenRange | undefined;
  readonly #extension: Extension;
  #lease: LeaseListener | undefined;
  /** Extends the keys while the event loop is blocked. */
  #remote: RemoteLease | undefined;

  constructor(context: HeldKeysContext, won: Won) {
    const { quorum, tracker, token, run, request, othersWaiting } = won;
    this.tracker = tracker;
    this.run = run && new HeldRun(run);
    this.context = context;
    this.quorum = quorum;
    const { tokens: reserved } = request;
    if (reserved > 1 || othersWaiting > 0) {
      const startedAt = context.clock.now();
      this.#tokens = new TokenRange({ startedAt, reserved, last: token, othersWaiting });
    }
    this.#extension = new Extension(this, won);
  }

  get lease(): LeaseListener | undefined {
    return this.#lease;
  }

  get ttlMs(): number {
    return this.#extension.grant.ttlMs;
  }

  get remainingMs(): number {
    return Math.max(0, validityLeftMs(this.#extension.grant, this.context.clock.stamp()));
  }

  /** What the nodes said to the last extension that failed. */
  get failedVotes(): readonly NodeVote[] {
    return this.#extension.failedVotes;
  }

  /** How many other processes were waiting for the resources when the keys were won. */
  get othersWaiting(): number {
    return this.#tokens?.othersWaiting ?? 0;
  }

  /** Whether another lease may follow on these keys when the present one is released. */
  get mayFollow(): boolean {
    return this.#tokens?.mayFollow(this.#extension.grant, this.context.clock.stamp()) === true;
  }

  /** On how many nodes the keys may be. */
  get nodeCount(): number {
    return this.quorum.nodes.filter((_, nodeIndex) => this.tracker.mayHoldTheKey(nodeIndex)).length;
  }

  isOn(quorum: Quorum): boolean {
    return this.quorum === quorum;
  }

  /** From now on the keys are held for this lease. Returns its token; `undefined`: no fencing. */
  begin(lease: LeaseListener): number | undefined {
    this.#lease = lease;
    this.tracker.unbegunRun = undefined;
    if (lease.terms.autoExtend && !lease.fallback) this.#beginRemote(lease);
    this.context.scheduler.schedule(this, this.#dueAt(lease));
    return this.#tokens?.next() ?? this.#extension.lastToken;
  }

  /** The lease is over: nothing is done for the keys any more. */
  end(): void {
    this.#lease = undefined;
    // Before anything is released: what nobody extends any more stays released.
    this.#remote?.end();
    this.#remote = undefined;
    this.context.scheduler.cancel(this);
  }

  /** Releases the keys on the nodes, or leaves them a while to live. */
  release(terms: LeaseReleaseTerms, queueEntry: ReleaseTerms['queueEntry']): Promise<ReleaseResult> {
    const { id, nodeTimeoutMs, keepMs, finish, note } = terms;
    const { longestTtlMs: ttlMs } = this.#extension;
    const { majority: enough } = this.quorum;
    // Named one by one: a spread costs more than the rest of a release.
    return this.quorum.release(this.tracker, {
      id,
      nodeTimeoutMs,
      keepMs,
      finish,
      note,
      queueEntry,
      ttlMs,
      enough,
    });
  }

  /**
   * Resolves when no request for these keys can be carried out any more: each was answered, or is past its
   * deadline.
   */
  async whenQuiet(timeoutMs: number): Promise<void> {
    const { clock } = this.context;
    this.quorum.withdraw(this.tracker);
    const dueAt = clock.now() + timeoutMs;
    for (let stepMs = 1; clock.now() < dueAt && !this.#isQuiet(); stepMs *= 2)
      await pause(clock, Math.min(stepMs, dueAt - clock.now()));
  }

  #isQuiet(): boolean {
    const now = this.context.clock.now();
    return this.quorum.nodes.every((_, nodeIndex) => this.tracker.isFinal(nodeIndex, now));
  }

  /**
   * Extends the keys now, or after an extension that is running. Returns whether it was won before the lease
   * ended.
   */
  async extend(lease: LeaseListener, ttlMs: number): Promise<boolean> {
    // The one that is running may have been started for a shorter TTL.
    while (this.#extension.isRunning) await this.#extension.whenEnded();
    if (this.#lease !== lease) return false;
    this.#adoptRemoteExtension(lease);
    return this.#extension.extendNow(lease, ttlMs);
  }

  /** A node votes from now on: if the keys are not on it, they are extended soon. */
  extendFor(nodeIndex: number): void {
    const lease = this.#lease;
    if (lease?.terms.autoExtend === true && !lease.fallback) this.#extension.extendFor(nodeIndex);
  }

  reschedule(): void {
    if (this.#lease === undefined) return;
    this.#updateRemote();
    this.context.scheduler.schedule(this, this.#dueAt(this.#lease));
  }

  wake(now: number, dueAt: number): number | undefined {
    const lease = this.#lease;
    if (lease === undefined) return undefined;
    this.#adoptRemoteExtension(lease);
    const lossReason = this.#lossReason(lease, now, dueAt);
    if (lossReason !== undefined) {
      lease.lose(lossReason);
      return undefined;
    }
    if (lease.terms.autoExtend && this.#extension.isDue(now)) this.#extension.request();
    return this.#dueAt(lease);
  }

  /**
   * Does now what is overdue. After a section that blocked the event loop, promises that are settled go on
   * before any timer fires: so the holder asks before the scheduler can have noticed the loss.
   */
  catchUp(): void {
    if (this.#lease === undefined) return;
    const now = this.context.clock.now();
    this.wake(now, Math.min(now, this.#dueAt(this.#lease)));
  }

  #lossReason({ terms, heldSince }: LeaseListener, now: number, dueAt: number): LossReason | undefined {
    const { maxHoldMs, autoExtend } = terms;
    const { grant, hasFailed, isIdle, shortfall } = this.#extension;
    if (maxHoldMs !== undefined && now - heldSince >= maxHoldMs) return 'max_hold';
    if (now < lostAt(grant)) return undefined;
    if (!autoExtend) return 'not_extended';
    const isLate = now - dueAt > lossMarginMs(grant.ttlMs);
    const hasTried = hasFailed || !isIdle;
    if (!hasTried || isLate) return 'stalled';
    return shortfall === 'mismatch' ? 'mismatch' : 'unreachable';
  }

  /** The next instant at which there is something to do. */
  #dueAt({ terms, heldSince }: LeaseListener): number {
    const { autoExtend, maxHoldMs = Number.POSITIVE_INFINITY } = terms;
    const extendAt = autoExtend ? this.#extension.dueAt : Number.POSITIVE_INFINITY;
    return Math.min(lostAt(this.#extension.grant), extendAt, heldSince + maxHoldMs);
  }

  #beginRemote({ terms, heldSince }: LeaseListener): void {
    const { guard, driftFactor } = this.context;
    if (guard === undefined) return;
    const { ttlMs, nodeTimeoutMs, maxHoldMs = Number.POSITIVE_INFINITY } = terms;
    const { resources, holderId } = this.tracker;
    const { grant, maxCounter } = this.#extension;
    const driftMs = driftMsOf(ttlMs, driftFactor);
    const maxHoldAt = heldSince + maxHoldMs;
    this.#extension.expectTtl(ttlMs);
    const remoteTerms = { resources, holderId, ttlMs, driftMs, nodeTimeoutMs, maxHoldAt };
    this.#remote = guard.begin(remoteTerms, endOf(grant), maxCounter);
  }

  #updateRemote(): void {
    this.#remote?.hold(endOf(this.#extension.grant), this.#extension.maxCounter);
  }

  /** Takes what another thread extended while the event loop was blocked. */
  #adoptRemoteExtension({ terms }: LeaseListener): void {
    const sentAt = this.#remote?.extendedAt;
    if (sentAt === undefined || sentAt.monotonicMs <= this.#extension.grant.sentAt.monotonicMs) return;
    this.#extension.adopt(sentAt, terms.ttlMs);
    this.#updateRemote();
  }
}
