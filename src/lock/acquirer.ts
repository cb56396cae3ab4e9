import type { Clock } from '../clock.js';
import { tokensFor } from '../core/local-handover.js';
import type { QueueEntry } from '../node/lock-node.js';
import { openFallbackNode } from '../node/open-node.js';
import { retryLoop, errorOf, type Attempts } from './waiting/retry-loop.js';
import { attempt, type AttemptContext, type AttemptResult, type Won } from './acquire/attempt.js';
import { LockManagerClosedError } from '../api/errors.js';
import type { LockEvents } from '../api/events.js';
import { Fallback } from './acquire/memory-fallback.js';
import type { ReleaseResult } from './quorum/release.js';
import { newHolderId } from './quorum/holder-id.js';
import type { HeldLease } from './lease/held-lease.js';
import type { ResolvedAcquireOptions, ResolvedManagerOptions } from '../api/options.js';
import { Quorum } from './quorum/quorum.js';
import { pause, Cancellation, unlessCancelled } from './waiting/cancellation.js';
import { HeldKeys } from './lease/held-keys.js';
import { WaitQueue } from './waiting/wait-queue.js';
import { ReleaseNotifications } from './waiting/release-notifications.js';
import { Waiter } from './waiting/waiter.js';

/** Makes the lease, in the moment in which it is acquired. */
type Hold = (keys: HeldKeys, attempts: number) => HeldLease;

/** Turns a wish into a won acquire round or an error: from the nodes, or, where that is allowed, from this process. */
export class Acquirer {
  readonly #context: AttemptContext;
  readonly #fallback: Fallback | undefined;
  readonly #queue: WaitQueue;
  readonly #notifications: ReleaseNotifications;
  readonly #waiting = new Set<Cancellation>();
  /** How many attempts are under way, and who waits for their end. */
  #underWay = 0;
  #onIdle: (() => void) | undefined;
  #draining = false;

  constructor(
    private readonly quorum: Quorum,
    private readonly options: ResolvedManagerOptions,
    private readonly clock: Clock,
    private readonly random: () => number,
    private readonly events: LockEvents,
    /** What the first acquisitions wait for: the nodes being known. */
    private readonly starting: () => Promise<void> | undefined,
    onFallback: (active: boolean, reason: string) => void,
  ) {
    this.#queue = new WaitQueue(clock);
    this.#notifications = new ReleaseNotifications(quorum.nodes, clock, random, this.#queue, options);
    this.#context = {
      clock,
      random,
      newHolderId: () => newHolderId(options.holder),
      sleep: (delayMs) => pause(clock, delayMs),
    };
    if (options.fallback === 'memory') {
      const local = new Quorum([openFallbackNode(clock)], clock, events);
      this.#fallback = new Fallback(quorum, local, (won) => this.#releaseKeys(won), onFallback);
    }
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Grants nothing any more, and tells so to those who wait. */
  drain(): void {
    this.#draining = true;
    for (const waiting of this.#waiting) waiting.cancel(DRAINED);
  }

  /** Resolves when no attempt is under way any more, after `timeoutMs` at the latest: who waited for one may have gone. */
  async idle(timeoutMs: number): Promise<void> {
    if (this.#underWay === 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.clock.setTimer(resolve, timeoutMs);
      this.#onIdle = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  acquire(resources: readonly string[], options: ResolvedAcquireOptions, hold: Hold): Promise<HeldLease> {
    if (this.#draining) return Promise.reject(new LockManagerClosedError(resources));
    const { signal, retries, waitMs } = options;
    // One attempt ends by itself: there is nothing to be stopped.
    const endsByItself = signal === undefined && retries === 0 && waitMs === 0;
    return endsByItself && this.starting() === undefined
      ? this.#once(resources, options, hold)
      : this.#unlessCancelled(resources, options, hold);
  }

  async #unlessCancelled(
    resources: readonly string[],
    options: ResolvedAcquireOptions,
    hold: Hold,
  ): Promise<HeldLease> {
    const { signal, waitMs } = options;
    const cancellation = new Cancellation();
    const onAbort = (): void => cancellation.cancel(signal?.reason as Error);
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#waiting.add(cancellation);
    try {
      const starting = this.starting();
      if (starting !== undefined) await unlessCancelled(starting, cancellation);
      const attempts = this.#attempts(resources, options);
      const { clock, random, events } = this;
      const context = { queue: this.#queue, notifications: this.#notifications, clock, random, events };
      if (waitMs > 0) {
        return await new Waiter(context, { resources, options, attempts, cancellation, hold }).lease();
      }
      const acquired = await retryLoop(attempts, context, resources, options, cancellation);
      return hold(acquired.keys, acquired.attempts);
    } catch (error) {
      throw error === DRAINED ? new LockManagerClosedError(resources) : error;
    } finally {
      this.#waiting.delete(cancellation);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async #once(resources: readonly string[], options: ResolvedAcquireOptions, hold: Hold): Promise<HeldLease> {
    try {
      const result = await this.#attempt(resources, options, this.#isDraining);
      if (this.#draining) {
        if (result.kind === 'won') this.#discard(result);
        throw new LockManagerClosedError(resources);
      }
      if (result.kind !== 'won') throw errorOf(resources, result);
      return hold(this.#begin(result), 1);
    } finally {
      this.#ended();
    }
  }

  /** Who in this process takes over these keys when their lease is released. */
  nextInLine(keys: HeldKeys): (() => void) | undefined {
    return this.#queue.nextInLine(keys);
  }

  /** With which words those who wait here go behind others, where there are any of both. */
  waitsBehind(keys: HeldKeys): QueueEntry | undefined {
    const isCrowded = keys.othersWait && this.#queue.waitingFor(keys.tracker.resources) > 0;
    return isCrowded && this.#notifications.isListening ? this.#notifications.queueEntry : undefined;
  }

  /** To be told when a lease is lost: its keys are left, but nobody holds anything by them. */
  leaseLost(keys: HeldKeys): void {
    this.#fallback?.ended(keys.tracker);
    this.#queue.leaseLost(keys);
  }

  /** To be told when the keys of a tenure are being taken back. */
  keysReleased(keys: HeldKeys, releaseResult: Promise<ReleaseResult>, isOnLists: boolean): Promise<number> {
    this.#fallback?.ended(keys.tracker);
    this.#queue.keysReleased(keys, isOnLists);
    return releaseResult.then(({ acknowledged, hasNotified }) => {
      this.#queue.answered(keys, hasNotified);
      return acknowledged;
    });
  }

  close(): void {
    this.#notifications.close();
  }

  readonly #isDraining = (): boolean => this.#draining;

  #attempts(resources: readonly string[], options: ResolvedAcquireOptions): Attempts {
    return {
      attempt: (isCancelled) => {
        const result = this.#attempt(resources, options, isCancelled);
        result.then(this.#ended, this.#ended);
        return result;
      },
      begin: (won) => this.#begin(won),
      discard: (won) => this.#discard(won),
    };
  }

  /** One attempt, whose end is to be told by `#ended`. */
  #attempt(
    resources: readonly string[],
    { ttlMs, nodeTimeoutMs, tick, waitMs }: ResolvedAcquireOptions,
    isCancelled: () => boolean,
  ): Promise<AttemptResult> {
    this.#underWay++;
    const { driftFactor, fencing } = this.options;
    const behind = this.#queue.waitingFor(resources) - (waitMs > 0 ? 1 : 0);
    const request = {
      resources,
      ttlMs,
      nodeTimeoutMs,
      driftFactor,
      fencing,
      tick,
      tokens: tokensFor(behind),
      queueEntry: waitMs > 0 ? this.#notifications.queueEntry : undefined,
    };
    if (this.#fallback === undefined) return attempt(this.quorum, this.#context, request, isCancelled);
    return this.#fallback.attempt(resources, (quorum) =>
      attempt(quorum, this.#context, request, isCancelled),
    );
  }

  readonly #ended = (): void => {
    if (--this.#underWay === 0) this.#onIdle?.();
  };

  #begin(won: Won): HeldKeys {
    const keys = new HeldKeys(this.clock, this.events, won);
    this.#queue.begun(keys);
    return keys;
  }

  #discard(won: Won): void {
    this.#fallback?.ended(won.tracker);
    this.#releaseKeys(won);
    this.#queue.mayBeFree(won.request.resources);
  }

  #releaseKeys({ quorum, tracker, request: { ttlMs, nodeTimeoutMs } }: Won): void {
    void quorum.release(tracker, { ttlMs, nodeTimeoutMs, keepMs: 0, enough: quorum.majority });
  }
}

const DRAINED = new Error('the lock manager is draining');
