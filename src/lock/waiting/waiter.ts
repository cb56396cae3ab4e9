import { jitteredMs, pastExpiryMs, splitWakeMs } from '../../core/backoff.js';
import { errorOf, attemptUnlessCancelled, type RetryContext, type Attempts } from './retry-loop.js';
import type { NotWon } from '../acquire/attempt.js';
import { LockNotAcquiredError, type QuorumUnreachableError } from '../../api/errors.js';
import { holderOf } from '../quorum/holder-id.js';
import type { HeldLease } from '../lease/held-lease.js';
import type { ResolvedAcquireOptions } from '../../api/options.js';
import type { HeldKeys } from '../lease/held-keys.js';
import type { Cancellation } from './cancellation.js';
import type { Place, YieldReason, QueuedWaiter, WaitQueue } from './wait-queue.js';
import type { ReleaseNotifications } from './release-notifications.js';
import { WaitEvents } from './wait-events.js';

export interface WaitContext extends RetryContext {
  readonly queue: WaitQueue;
  readonly notifications: ReleaseNotifications;
}

export interface Wish {
  readonly resources: readonly string[];
  readonly options: ResolvedAcquireOptions;
  readonly attempts: Attempts;
  /** Ends the wait: the caller's signal, the manager's end, or a lease that was handed over. */
  readonly cancellation: Cancellation;
  readonly hold: (keys: HeldKeys, attempts: number) => HeldLease;
}

/** The reason with which a wait ends whose waiter was handed what it waited for. */
const HANDED_OVER = new Error('handed over');

/**
 * One who waits up to `waitMs`: in line, then by asking the nodes, then by sleeping until there is a reason to ask again.
 * Every wait here ends: by the deadline, and by the signal.
 */
export class Waiter implements QueuedWaiter {
  readonly #context: WaitContext;
  readonly #wish: Wish;
  readonly #deadlineAt: number;
  readonly #wait: WaitEvents;
  #place: Place | undefined;
  #attempts = 0;
  #lease: HeldLease | undefined;
  /** Since the last look around. */
  #woken = false;
  #endNap: (() => void) | undefined;

  constructor(context: WaitContext, wish: Wish) {
    this.#context = context;
    this.#wish = wish;
    this.#deadlineAt = context.clock.now() + wish.options.waitMs;
    this.#wait = new WaitEvents(context, wish.options.name, wish.resources);
  }

  async lease(): Promise<HeldLease> {
    const { resources } = this.#wish;
    const { queue, notifications } = this.#context;
    this.#place = queue.join(resources, this);
    // Here is somebody who waits.
    if (!this.#place.isFirst || queue.keysOf(resources) !== undefined) notifications.open();
    try {
      const keys = await this.#keys(this.#place);
      return this.#lease ?? this.#hold(keys!);
    } catch (error) {
      if (error === HANDED_OVER && this.#lease !== undefined) return this.#lease;
      // It was told, and has no use for it any more; nor has anybody here.
      if (this.#woken && queue.waitingFor(resources) === 1) notifications.passOn(resources);
      throw error;
    } finally {
      this.#wait.end();
      // Behind `hold`: the next one must see that the resources are held.
      this.#place.leave();
    }
  }

  wake(): void {
    this.#woken = true;
    this.#endNap?.();
  }

  accept(keys: HeldKeys): (() => void) | undefined {
    const { options, cancellation } = this.#wish;
    const { ttlMs, tick, autoExtend } = options;
    // It asked for a record of the tick, for a whole TTL, or for keys that outlive the process for longer or not so long.
    if (tick !== undefined || !autoExtend || ttlMs !== keys.grant.ttlMs) return undefined;
    if (cancellation.reason !== undefined || this.#context.clock.now() >= this.#deadlineAt) return undefined;
    cancellation.cancel(HANDED_OVER);
    this.#place?.leave();
    return () => (this.#lease = this.#hold(keys));
  }

  #hold(keys: HeldKeys): HeldLease {
    // Told before the acquisition, which is told by `hold`.
    this.#wait.end();
    // Who was handed it may never have asked.
    return this.#wish.hold(keys, Math.max(1, this.#attempts));
  }

  /** `undefined`: a lease was handed over. */
  async #keys(place: Place): Promise<HeldKeys | undefined> {
    const { queue, clock, notifications } = this.#context;
    const { resources, attempts, cancellation } = this.#wish;
    // Who asks in the same breath stands behind it by then, and has a token reserved.
    await Promise.resolve();
    for (;;) {
      if (this.#lease !== undefined) return undefined;
      cancellation.throwIfCancelled();
      const wasTold = this.#woken;
      this.#woken = false;
      const own = queue.keysOf(resources);
      if (!place.isFirst || own !== undefined) {
        const leftMs = this.#deadlineAt - clock.now();
        if (leftMs <= 0) throw this.#refusal(place.line.lastLook, own);
        await this.#nap(leftMs);
        continue;
      }
      const why = place.line.yieldReason;
      if (why !== undefined) {
        const leftMs = this.#deadlineAt - clock.now();
        await this.#nap(Math.max(0, Math.min(leftMs, this.#yieldMs(why))));
        // Nobody has told it anything for so long: it looks.
        if (!this.#woken && place.line.yieldReason === why) place.line.yieldReason = undefined;
        continue;
      }
      this.#attempts++;
      const isOnLists = notifications.isListening;
      const result = await attemptUnlessCancelled(attempts, cancellation);
      if (result.kind === 'won') return attempts.begin(result);
      place.line.lastLook = result;
      const leftMs = this.#deadlineAt - clock.now();
      if (leftMs <= 0 || result.kind === 'already_ran') throw errorOf(resources, result);
      notifications.open();
      if (wasTold && resources.length > 1) notifications.passOn(resources);
      await this.#nap(Math.min(leftMs, this.#pauseMs(result, isOnLists)));
      // What the lost attempt left behind must not refuse the next one.
      await result.undone;
    }
  }

  /**
   * How long there is no reason to ask again. Where nobody would tell, because too few nodes are heard, or because the holder
   * is of another library, it looks from time to time.
   */
  #pauseMs(result: NotWon, isOnLists: boolean): number {
    if (result.kind !== 'held') return this.#delayMs();
    const expiryMs = pastExpiryMs(result.remainingMs, this.#context.random());
    return isOnLists && holderOf(result.owner) !== undefined ? expiryMs : Math.min(expiryMs, this.#delayMs());
  }

  #yieldMs(why: YieldReason): number {
    if (why === 'releasePending') return this.#wish.options.nodeTimeoutMs + 1;
    return why === 'queued' ? this.#delayMs() : splitWakeMs(this.#context.random());
  }

  #delayMs(): number {
    return jitteredMs(this.#wish.options.retryDelayMs, this.#context.random());
  }

  /** Sleeps unless it was woken since it last looked; ends early when there is nothing to wait for any more. */
  #nap(forMs: number): Promise<void> {
    this.#wait.begin();
    const { cancellation } = this.#wish;
    // Who heard of it may have ended it, or released what it waits for.
    if (this.#woken || cancellation.reason !== undefined) return Promise.resolve();
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

  /** Of one who never asked: as the one before it was told, or by what this process has. */
  #refusal(
    lastLook: NotWon | undefined,
    own: HeldKeys | undefined,
  ): LockNotAcquiredError | QuorumUnreachableError {
    const { resources } = this.#wish;
    if (own === undefined && lastLook !== undefined) return errorOf(resources, lastLook);
    const owner = own === undefined ? undefined : holderOf(own.tracker.holderId);
    return new LockNotAcquiredError(resources, 'held', owner, own?.remainingMs ?? 0);
  }
}
