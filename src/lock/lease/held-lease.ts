import type { Clock } from '../../clock.js';
import { extended, held, lost, released, type LeaseState, type LossReason } from '../../core/lease-state.js';
import { lossMarginMs, lostAt } from '../../core/extension-schedule.js';
import {
  endOf,
  monotonicValidityLeftMs,
  validityLeftMs,
  type Grant,
  type Stamp,
} from '../../core/validity.js';
import type { QueueEntry } from '../../node/lock-node.js';
import { LeaseLostError, QuorumUnreachableError } from '../../api/errors.js';
import type { LockEvents } from '../../api/events.js';
import type { Lease } from '../../api/lease.js';
import type { ReleaseResult } from '../quorum/release.js';
import type { Extendable, Scheduled, LeaseScheduler } from './lease-scheduler.js';
import type { StallGuard, StandIn } from '../stall/stall-guard.js';
import type { LeaseListener, HeldKeys } from './held-keys.js';

/** What a lease needs to know of what was asked for. */
export interface LeaseTerms {
  readonly name: string;
  readonly ttlMs: number;
  readonly nodeTimeoutMs: number;
  readonly autoExtend: boolean;
  readonly minHoldMs: number;
  readonly maxHoldMs: number | undefined;
}

export interface LeaseContext {
  readonly clock: Clock;
  readonly events: LockEvents;
  readonly scheduler: LeaseScheduler;
  readonly stallGuard: StallGuard | undefined;
  readonly checkTtl: (ttlMs: number) => void;
  readonly onEnd: (lease: HeldLease) => void;
  /** Who in this process waits for just this, and takes over the keys when it is called. */
  readonly nextInLine: (keys: HeldKeys) => (() => void) | undefined;
  /** With which words those who wait in this process go behind others, if there are any of both. */
  readonly waitsBehind: (keys: HeldKeys) => QueueEntry | undefined;
  readonly onLeaseLost: (keys: HeldKeys) => void;
  /** The keys are being taken off the nodes; gives how many nodes said so. */
  readonly onKeysReleased: (
    keys: HeldKeys,
    releaseResult: Promise<ReleaseResult>,
    isOnLists: boolean,
  ) => Promise<number>;
}

export class HeldLease implements Lease, Scheduled, Extendable, LeaseListener {
  #place: Scheduled['place'];
  readonly #context: LeaseContext;
  readonly #terms: LeaseTerms;
  readonly #keys: HeldKeys;
  readonly #token: number | undefined;
  /** Made when somebody wants to hear of it: most leases are short, and a signal costs more than the rest of them. */
  #signal: AbortController | undefined;
  #loss: LeaseLostError | undefined;
  readonly #heldSince: Stamp;
  #state: LeaseState;
  /** Whether the keeper has an extension of it that waits for others to end. */
  #inBacklog = false;
  #ended: Promise<void> | undefined;
  /** Who extends it while the event loop is blocked. */
  readonly #standIn: StandIn | undefined;

  constructor(
    context: LeaseContext,
    keys: HeldKeys,
    terms: LeaseTerms,
    readonly attempts: number,
    readonly fallback: boolean,
  ) {
    this.#context = context;
    this.#terms = terms;
    this.#keys = keys;
    this.#token = keys.begin();
    this.#heldSince = context.clock.stamp();
    this.#state = held(keys.grant);
    keys.pass(this);
    if (terms.autoExtend && !fallback) this.#standIn = this.#beginStandIn();
    context.scheduler.schedule(this, this.#wakeAt());
  }

  /** No property of its own: it leads back to the lease, and a lease that is logged as JSON must not go in circles. */
  get place(): Scheduled['place'] {
    return this.#place;
  }

  set place(place: Scheduled['place']) {
    this.#place = place;
  }

  get resources(): readonly string[] {
    return this.#keys.tracker.resources;
  }

  get name(): string {
    return this.#terms.name;
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
    if (this.#token === undefined) throw new TypeError('there is no token: the option fencing is off');
    return this.#token;
  }

  /** As the events have it: without fencing there is none. */
  get tokenIfAny(): number | undefined {
    return this.#token;
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
    while (this.#keys.isExtending) await this.#keys.idle();
    if (this.#state.phase !== 'held') throw this.#overError();
    this.#takeOver();
    const won = await new Promise<boolean>((resolve) =>
      this.#keys.extend(ttlMs, this.#terms.nodeTimeoutMs, resolve),
    );
    if (this.#state.phase !== 'held') throw this.#overError();
    if (won) return;
    throw new QuorumUnreachableError(
      this.resources,
      this.#keys.lastVotes,
      'no majority of the nodes extended the lease in time',
    );
  }

  release(): Promise<void> {
    if (this.#state.phase === 'held') {
      // The state first: an extension that is under way can do nothing for it any more.
      this.#state = released(this.#state);
      const heldMs = this.#leave();
      const handOver = this.#terms.minHoldMs > 0 ? undefined : this.#context.nextInLine(this.#keys);
      if (handOver !== undefined) {
        this.#tellRelease(heldMs, this.#keys.nodes);
        handOver();
        this.#ended = Promise.resolve();
      } else {
        this.#ended = this.#releaseKeys(heldMs).then((acknowledged) =>
          this.#tellRelease(heldMs, acknowledged),
        );
      }
    }
    // After its loss the holder says by this that it has stopped.
    this.#ended ??= this.#releaseKeys(this.#terms.minHoldMs).then(() => undefined);
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
    this.#keys.detach();
    this.#loss = new LeaseLostError(this.resources, reason);
    this.#signal?.abort(this.#loss);
    const { name, resources, tokenIfAny: token } = this;
    this.#context.events.emit({ type: 'lost', name, resources, token, heldMs, reason });
    if (reason === 'closed') void this.release();
    else this.#context.onLeaseLost(this.#keys);
  }

  /** What the keeper calls when the lease is due: extend it, or tell its loss. Returns when to call again. */
  wake(now: number, dueAt = now): number | undefined {
    if (this.#state.phase !== 'held') return undefined;
    this.#takeOver();
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
    const keys = this.#keys;
    const wallRanOut = !keys.failed && validityLeftMs(grant, clock.stamp()) <= marginMs;
    if (autoExtend && this.#isIdle && (now >= keys.extendAt || wallRanOut)) {
      this.#inBacklog = true;
      this.#context.scheduler.extend(this);
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
    return !this.#keys.isExtending && !this.#inBacklog;
  }

  extendInTurn(over: () => void): void {
    this.#inBacklog = false;
    if (this.#state.phase !== 'held') return over();
    const { ttlMs, nodeTimeoutMs } = this.#terms;
    // Its holder may have begun one meanwhile.
    if (this.#keys.isExtending) void this.#keys.idle().then(over);
    else this.#keys.extend(ttlMs, nodeTimeoutMs, over);
  }

  extendedTo(grant: Grant): Grant {
    this.#state = extended(this.#state, grant);
    return this.#state.phase === 'held' ? this.#state.grant : grant;
  }

  /** The member votes from now on. */
  extendSoon(nodeIndex: number): void {
    if (this.#terms.autoExtend) this.#keys.extendSoon(nodeIndex);
  }

  reschedule(): void {
    if (this.#state.phase !== 'held') return;
    this.#tellStandIn();
    this.#context.scheduler.schedule(this, this.#wakeAt());
  }

  #beginStandIn(): StandIn | undefined {
    const { stallGuard } = this.#context;
    if (stallGuard === undefined) return undefined;
    const { ttlMs, nodeTimeoutMs, maxHoldMs = Number.POSITIVE_INFINITY } = this.#terms;
    const { grant, maxCounter } = this.#keys;
    const maxHoldAt = this.#heldSince.monotonicMs + maxHoldMs;
    const terms = { ...this.#keys.remoteLeaseTerms(ttlMs), nodeTimeoutMs, maxHoldAt };
    return stallGuard.begin(terms, endOf(grant), maxCounter);
  }

  #tellStandIn(): void {
    if (this.#state.phase === 'held') this.#standIn?.hold(endOf(this.#state.grant), this.#keys.maxCounter);
  }

  /** Takes what was secured for it while the event loop was blocked. */
  #takeOver(): void {
    const sentAt = this.#standIn?.extendedAt;
    if (sentAt === undefined || this.#state.phase !== 'held') return;
    if (sentAt.monotonicMs <= this.#state.grant.sentAt.monotonicMs) return;
    this.#keys.recordExtension(sentAt, this.#terms.ttlMs);
    this.#tellStandIn();
  }

  /** Nobody looks after it any more. Returns for how long it was held. */
  #leave(): number {
    const { clock, scheduler, onEnd } = this.#context;
    // Before anything is given back: what nobody extends any more stays given back.
    this.#standIn?.end();
    scheduler.cancel(this);
    onEnd(this);
    return clock.now() - this.#heldSince.monotonicMs;
  }

  #releaseKeys(heldMs: number): Promise<number> {
    const { nodeTimeoutMs, minHoldMs } = this.#terms;
    const { waitsBehind, onKeysReleased } = this.#context;
    const queueEntry = waitsBehind(this.#keys);
    const keepMs = Math.max(0, minHoldMs - heldMs);
    const releaseResult = this.#keys.release(nodeTimeoutMs, keepMs, queueEntry);
    return onKeysReleased(this.#keys, releaseResult, queueEntry !== undefined);
  }

  #tellRelease(heldMs: number, acknowledged: number): void {
    if (!this.#context.events.listening) return;
    const { name, resources, tokenIfAny: token } = this;
    this.#context.events.emit({ type: 'released', name, resources, token, heldMs, acknowledged });
  }

  #lossReason(late: boolean): LossReason {
    if (!this.#terms.autoExtend) return 'not_extended';
    if (late) return 'stalled';
    return this.#keys.failed || !this.#isIdle ? 'unreachable' : 'stalled';
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

  /** The next instant at which there is something to do for this lease. */
  #wakeAt(): number {
    if (this.#state.phase !== 'held') return Number.POSITIVE_INFINITY;
    const { grant } = this.#state;
    const { maxHoldMs, autoExtend } = this.#terms;
    const endsAt = lostAt(grant);
    const extendAt = autoExtend && this.#isIdle ? this.#keys.extendAt : endsAt;
    const maxHoldAt = maxHoldMs === undefined ? endsAt : this.#heldSince.monotonicMs + maxHoldMs;
    return Math.min(endsAt, extendAt, maxHoldAt);
  }
}
