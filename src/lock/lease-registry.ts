import type { Clock } from '../clock.js';
import type { QueueEntry } from '../node/node-request.js';
import type { Fallback } from './fallback/fallback.js';
import type { HeldKeys, LeaseReleaseTerms } from './lease/held-keys.js';
import type { HeldLease, LeaseHost } from './lease/held-lease.js';
import type { KeysHeld } from './lease/keys-held.js';
import type { ReleaseNotifications } from './waiting/release-notifications.js';
import type { WaitQueue } from './waiting/wait-queue.js';

const NONE: ReadonlySet<unknown> = new Set();

/**
 * The leases that a manager holds, and what becomes of their keys: a waiter takes them over, or the nodes
 * release them.
 */
export class LeaseRegistry implements LeaseHost {
  readonly #onEnded = new Set<() => void>();
  #isClosed = false;

  constructor(
    private readonly clock: Clock,
    private readonly held: KeysHeld,
    private readonly queue: WaitQueue,
    private readonly notifications: ReleaseNotifications,
    private readonly fallback: Fallback | undefined,
  ) {}

  /** Ends a lease that was won while everything was being closed. To be called after its event `acquired`. */
  endIfClosed(lease: HeldLease): void {
    if (this.#isClosed) lease.lose('closed');
  }

  /** Whether one of these resources is held. */
  holds(resources: readonly string[]): boolean {
    for (const { tracker } of this.held) {
      if (tracker.resources.some((resource) => resources.includes(resource))) return true;
    }
    return false;
  }

  /** A node votes from now on: all keys that are not on it are extended soon. */
  extendFor(nodeIndex: number): void {
    for (const keys of this.held) keys.extendFor(nodeIndex);
  }

  /**
   * Ends all leases, and every lease that is still won from now on. `leaveKeys`: the keys of those that are
   * held now are left to expire.
   */
  close(leaveKeys: boolean): void {
    this.#isClosed = true;
    for (const { lease } of this.held) lease?.lose('closed', leaveKeys);
  }

  /** Resolves when no lease is held, after `timeoutMs` at the latest. */
  async whenEmpty(timeoutMs: number): Promise<void> {
    if (timeoutMs === 0 || this.#holdsOnly(NONE)) return;
    await new Promise<void>((resolve) => {
      const timer = this.clock.setTimer(resolve, timeoutMs);
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
    for (const { lease } of this.held) if (!leases.has(lease)) return false;
    return true;
  }

  handOver(keys: HeldKeys, onTaken: () => void): boolean {
    const next = this.queue.nextInLine(keys);
    if (next === undefined) return false;
    onTaken();
    next.takeOver(keys);
    return true;
  }

  release(keys: HeldKeys, terms: LeaseReleaseTerms): Promise<number> {
    const queueEntry = this.#entryBehindOthers(keys);
    const first = this.fallback?.ended(keys.tracker, terms);
    // Whoever finds the nodes free must not be refused by the fallback.
    const releasing =
      first === undefined
        ? keys.release(terms, queueEntry)
        : first.then(() => keys.release(terms, queueEntry));
    this.queue.keysReleased(keys, queueEntry !== undefined);
    // Not an async function, which would cost three times as much: this is done for every lease.
    return releasing.then(({ acknowledged, hasNotified }) => {
      this.queue.releaseAnswered(keys, hasNotified);
      return acknowledged;
    });
  }

  lost(keys: HeldKeys): void {
    this.fallback?.lost(keys);
    this.queue.leaseLost(keys);
  }

  async transferred(keys: HeldKeys, timeoutMs: number): Promise<void> {
    const recorded = this.fallback?.ended(keys.tracker);
    this.queue.leaseLost(keys);
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
    const bothWait = keys.othersWaiting > 0 && this.queue.countWaiters(keys.tracker.resources) > 0;
    return bothWait && this.notifications.isListening ? this.notifications.queueEntry : undefined;
  }
}
