import type { Clock } from '../clock.js';
import type { QueueEntry } from '../node/node-request.js';
import type { AcquireCall } from './acquire/acquire-call.js';
import type { Won } from './acquire/attempt.js';
import { releaseWon } from './acquire/release-won.js';
import type { Fallback } from './fallback/fallback.js';
import type { AllHeldKeys } from './lease/all-held-keys.js';
import { ExtensionRounds } from './lease/extension-round.js';
import { HeldKeys, type HeldKeysContext, type LeaseReleaseTerms } from './lease/held-keys.js';
import { HeldLease, type LeaseContext } from './lease/held-lease.js';
import type { LeaseHost } from './lease/lease-host.js';
import type { ReleaseNotifications } from './waiting/release-notifications.js';
import type { WaitQueue } from './waiting/wait-queue.js';

const NONE: ReadonlySet<unknown> = new Set();

/** What the leases of a manager need, and who is told what becomes of their keys. */
export interface LeaseRegistryContext extends Omit<HeldKeysContext, 'rounds'>, Omit<LeaseContext, 'host'> {
  readonly held: AllHeldKeys;
  readonly queue: WaitQueue;
  readonly notifications: ReleaseNotifications;
  readonly fallback: Fallback | undefined;
}

/**
 * The leases of a manager, from the attempt that was won to the end of the keys: a waiter takes these over,
 * or the nodes release them.
 */
export class LeaseRegistry implements LeaseHost {
  readonly #clock: Clock;
  readonly #keysContext: HeldKeysContext;
  readonly #leaseContext: LeaseContext;
  readonly #held: AllHeldKeys;
  readonly #queue: WaitQueue;
  readonly #notifications: ReleaseNotifications;
  readonly #fallback: Fallback | undefined;
  readonly #onEnded = new Set<() => void>();
  #isClosed = false;

  constructor(context: LeaseRegistryContext) {
    const { clock, events, scheduler, guard, driftFactor } = context;
    const { quarantine, keyPrefix, quorum, isInMemory } = context;
    const rounds = new ExtensionRounds(driftFactor);
    this.#clock = clock;
    this.#keysContext = { clock, events, scheduler, guard, driftFactor, rounds };
    this.#leaseContext = { clock, events, host: this, quarantine, keyPrefix, quorum, isInMemory };
    this.#held = context.held;
    this.#queue = context.queue;
    this.#notifications = context.notifications;
    this.#fallback = context.fallback;
  }

  /** Holds what an attempt has won from now on. The keys have no lease yet. */
  begin(won: Won): HeldKeys {
    const keys = new HeldKeys(this.#keysContext, won);
    this.#fallback?.began?.(keys);
    this.#held.add(keys);
    return keys;
  }

  /** Makes the lease of a call that has these keys. `attempts`: how many the call has made, 1 at least. */
  hold(call: AcquireCall, keys: HeldKeys, attempts: number): HeldLease {
    const lease = new HeldLease(this.#leaseContext, keys, call, attempts);
    call.emitAcquired(lease);
    // It was won while everything was being closed.
    if (this.#isClosed) lease.lose('closed');
    return lease;
  }

  /** Releases in the background what an attempt has won for a call that is over. */
  discard(won: Won): void {
    void this.#fallback?.ended(won.tracker);
    releaseWon(won);
    this.#queue.mayBeFree(won.request.resources);
  }

  /** Whether one of these resources is held. */
  holdsAny(resources: readonly string[]): boolean {
    for (const { tracker } of this.#held) {
      if (tracker.resources.some((resource) => resources.includes(resource))) return true;
    }
    return false;
  }

  /** A node votes from now on: all keys that are not on it are extended soon. */
  extendFor(nodeIndex: number): void {
    for (const keys of this.#held) keys.extendFor(nodeIndex);
  }

  /**
   * Ends all leases, and every lease that is still won from now on. `leaveKeys`: the keys of those that are
   * held now are left to expire.
   */
  close(leaveKeys: boolean): void {
    this.#isClosed = true;
    for (const { lease } of this.#held) lease?.lose('closed', leaveKeys);
  }

  /** Resolves when no lease is held, after `timeoutMs` at the latest. */
  async whenEmpty(timeoutMs: number): Promise<void> {
    if (timeoutMs === 0 || this.#holdsOnly(NONE)) return;
    await new Promise<void>((resolve) => {
      const timer = this.#clock.setTimer(resolve, timeoutMs);
      void this.whenOnly(NONE).then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  /** Resolves when no other lease is held than these. */
  whenOnly(leases: ReadonlySet<unknown>): Promise<void> {
    if (this.#holdsOnly(leases)) return Promise.resolve();
    return new Promise((resolve) => {
      const onEnded = (): void => {
        if (!this.#holdsOnly(leases)) return;
        this.#onEnded.delete(onEnded);
        resolve();
      };
      this.#onEnded.add(onEnded);
    });
  }

  #holdsOnly(leases: ReadonlySet<unknown>): boolean {
    for (const { lease } of this.#held) if (!leases.has(lease)) return false;
    return true;
  }

  handOver(keys: HeldKeys, onTaken: () => void): boolean {
    const next = this.#queue.nextInLine(keys);
    if (next === undefined) return false;
    onTaken();
    next.takeOver(keys);
    return true;
  }

  release(keys: HeldKeys, terms: LeaseReleaseTerms): Promise<number> {
    const queueEntry = this.#entryBehindOthers(keys);
    const first = this.#fallback?.ended(keys.tracker, terms);
    // Whoever finds the nodes free must not be refused by the fallback.
    const releasing =
      first === undefined
        ? keys.release(terms, queueEntry)
        : first.then(() => keys.release(terms, queueEntry));
    this.#queue.keysReleased(keys, queueEntry !== undefined);
    // Not an async function, which would cost three times as much: this is done for every lease.
    return releasing.then(({ acknowledged, hasNotified }) => {
      this.#queue.releaseAnswered(keys, hasNotified);
      return acknowledged;
    });
  }

  lost(keys: HeldKeys): void {
    this.#fallback?.lost(keys);
    this.#queue.leaseLost(keys);
  }

  async transferred(keys: HeldKeys, timeoutMs: number): Promise<void> {
    const recorded = this.#fallback?.ended(keys.tracker);
    this.#queue.leaseLost(keys);
    await Promise.all([recorded, keys.whenQuiet(timeoutMs)]);
  }

  ended(): void {
    for (const onEnded of this.#onEnded) onEnded();
  }

  /**
   * The queue entry that puts this process behind other waiting processes; `undefined` unless both have
   * waiters.
   */
  #entryBehindOthers(keys: HeldKeys): QueueEntry | undefined {
    const bothWait = keys.othersWaiting > 0 && this.#queue.countWaiters(keys.tracker.resources) > 0;
    return bothWait && this.#notifications.isListening ? this.#notifications.queueEntry : undefined;
  }
}
