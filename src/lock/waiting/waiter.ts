import { AsyncResource } from 'node:async_hooks';
import { turnsOfOthersMs } from '../../core/local-handover.js';
import { pastExpiryMs, retryPauseMs, splitWakeMs } from '../../core/backoff.js';
import { LockNotAcquiredError, type LockError } from '../../api/errors.js';
import type { AcquireCall } from '../acquire/acquire-call.js';
import { errorOf, type NotAcquired } from '../acquire/attempt.js';
import type { Cancellation } from '../acquire/cancellation.js';
import { HeldKeys } from '../lease/held-keys.js';
import type { HeldLease } from '../lease/held-lease.js';
import { holderOf } from '../quorum/holder-id.js';
import type { ReleaseNotifications } from './release-notifications.js';
import type { RetryContext, TryAcquire } from './retry-loop.js';
import type { Place, YieldReason, QueuedWaiter, WaitQueue } from './wait-queue.js';

export interface WaitContext extends RetryContext {
  readonly queue: WaitQueue;
  readonly notifications: ReleaseNotifications;
}

/** The reason with which a wait is cancelled when keys were handed over to it. */
const HANDED_OVER = new Error('handed over');

/**
 * One call that waits up to `waitMs`: in line, then by asking the nodes, then by sleeping until there is a
 * reason to ask again. Every wait here ends: by the deadline, and by its cancellation.
 */
export class Waiter implements QueuedWaiter {
  readonly #context: WaitContext;
  readonly #call: AcquireCall;
  readonly #cancellation: Cancellation;
  readonly #tryAcquire: TryAcquire;
  readonly #deadlineAt: number;
  /**
   * The async context of the call. A hand-over comes from another call, and must not run in that one's
   * context.
   */
  readonly #asyncContext = new AsyncResource('QUORLOCK_WAITER', { requireManualDestroy: true });
  #place: Place | undefined;
  #attempts = 0;
  /** Set when keys were handed over. */
  #lease: HeldLease | undefined;
  /** Whether it was woken since it last looked. */
  #isWoken = false;
  #endNap: (() => void) | undefined;

  constructor(context: WaitContext, call: AcquireCall, cancellation: Cancellation, tryAcquire: TryAcquire) {
    this.#context = context;
    this.#call = call;
    this.#cancellation = cancellation;
    this.#tryAcquire = tryAcquire;
    this.#deadlineAt = context.clock.now() + call.options.waitMs;
  }

  async acquire(): Promise<HeldLease> {
    const { resources } = this.#call;
    const { queue, notifications } = this.#context;
    this.#place = queue.join(resources, this);
    // It waits for certain: other processes may soon have something to notify it of.
    if (!this.#place.isFirst || queue.heldKeys(resources) !== undefined) notifications.open();
    try {
      const keys = await this.#acquireKeys(this.#place);
      return this.#lease ?? this.#hold(keys!);
    } catch (error) {
      if (error === HANDED_OVER && this.#lease !== undefined) return this.#lease;
      // It was woken by a notification that neither it nor anybody else in this process has a use for.
      if (this.#isWoken && queue.countWaiters(resources) === 1) notifications.passOn(resources);
      throw error;
    } finally {
      this.#call.endWait();
      // After `hold`: the next in line must see that the resources are held.
      this.#place.leave();
      this.#asyncContext.emitDestroy();
    }
  }

  wake(): void {
    this.#isWoken = true;
    this.#endNap?.();
  }

  accept(keys: HeldKeys): boolean {
    const { ttlMs, tick, autoExtend } = this.#call.options;
    // Handed-over keys have no record of its tick, no whole TTL left, and live on by the TTL that the keys
    // have.
    if (tick !== undefined || !autoExtend || ttlMs !== keys.ttlMs) return false;
    if (this.#cancellation.isCancelled || this.#context.clock.now() >= this.#deadlineAt) return false;
    this.#cancellation.cancel(HANDED_OVER);
    this.#place?.leave();
    return true;
  }

  takeOver(keys: HeldKeys): void {
    this.#lease = this.#asyncContext.runInAsyncScope(() => this.#hold(keys));
  }

  #hold(keys: HeldKeys): HeldLease {
    // `waited` comes before `acquired`.
    this.#call.endWait();
    // A call to which keys were handed over may never have asked the nodes.
    return this.#context.hold(this.#call, keys, Math.max(1, this.#attempts));
  }

  /** `undefined`: a lease was handed over. */
  async #acquireKeys(place: Place): Promise<HeldKeys | undefined> {
    const { queue, notifications } = this.#context;
    const { resources } = this.#call;
    // Calls that are made in the same turn are in line by then, and the first attempt reserves tokens for
    // them.
    await Promise.resolve();
    for (;;) {
      if (this.#lease !== undefined) return undefined;
      this.#cancellation.throwIfCancelled();
      const wasWoken = this.#isWoken;
      this.#isWoken = false;
      const ownKeys = queue.heldKeys(resources);
      if (!place.isFirst || ownKeys !== undefined) {
        if (this.#leftMs() <= 0) throw this.#deadlineError(place.line.lastResult, ownKeys);
        await this.#nap(this.#leftMs());
        continue;
      }
      const { yieldReason, queuedBehind } = place.line;
      if (yieldReason !== undefined) {
        await this.#nap(Math.max(0, Math.min(this.#leftMs(), this.#yieldMs(yieldReason, queuedBehind))));
        // Nothing has happened for so long: it looks for itself.
        if (!this.#isWoken && place.line.yieldReason === yieldReason) place.line.yieldReason = undefined;
        continue;
      }
      this.#attempts++;
      const wasListening = notifications.isListening;
      const result = await this.#tryAcquire(this.#cancellation);
      if (result instanceof HeldKeys) return result;
      place.line.lastResult = result;
      if (this.#leftMs() <= 0 || result.kind === 'already_ran') throw errorOf(resources, result);
      notifications.open();
      if (wasWoken && resources.length > 1) notifications.passOn(resources);
      await this.#nap(Math.min(this.#leftMs(), this.#pauseMs(result, wasListening)));
      await result.undone;
    }
  }

  #leftMs(): number {
    return this.#deadlineAt - this.#context.clock.now();
  }

  /**
   * For how long there is no reason to ask again. If nobody would notify it, because too few nodes are heard
   * or because the holder uses another library, it asks from time to time.
   */
  #pauseMs(result: NotAcquired, wasListening: boolean): number {
    // A key without an expiry has nothing left to wait for: whoever set it by hand deletes it without a word.
    if (result.kind !== 'held' || result.remainingMs <= 0) return this.#retryDelayMs();
    const expiryMs = pastExpiryMs(result.remainingMs, this.#context.random());
    const isNotified = wasListening && holderOf(result.owner) !== undefined;
    return isNotified ? expiryMs : Math.min(expiryMs, this.#retryDelayMs());
  }

  #yieldMs(reason: YieldReason, queuedBehind: number): number {
    if (reason === 'releasePending') return this.#call.options.nodeTimeoutMs + 1;
    // A look in between would be in vain, and cost each node a command.
    if (reason === 'queued') return turnsOfOthersMs(queuedBehind) + this.#retryDelayMs();
    return splitWakeMs(this.#context.random());
  }

  #retryDelayMs(): number {
    return retryPauseMs(this.#call.options, Math.max(1, this.#attempts), this.#context.random());
  }

  /** Sleeps unless it was woken since it last looked. Ends early when it is woken or cancelled. */
  #nap(forMs: number): Promise<void> {
    this.#call.beginWait();
    const cancellation = this.#cancellation;
    // A listener that heard of the wait may have cancelled it, or released what it waits for.
    if (this.#isWoken || cancellation.isCancelled) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        cancellation.off(end);
        this.#endNap = undefined;
        resolve();
      };
      const timer = this.#context.clock.setTimer(end, forMs);
      cancellation.on(end);
      this.#endNap = end;
    });
  }

  /**
   * The error of a call that was never first in line: what the first one got, or that this process holds the
   * resources.
   */
  #deadlineError(lastResult: NotAcquired | undefined, ownKeys: HeldKeys | undefined): LockError {
    const { resources } = this.#call;
    if (ownKeys === undefined && lastResult !== undefined) return errorOf(resources, lastResult);
    const owner = ownKeys === undefined ? undefined : holderOf(ownKeys.tracker.holderId);
    return new LockNotAcquiredError(resources, 'held', owner, ownKeys?.remainingMs ?? 0);
  }
}
