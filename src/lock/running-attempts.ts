import type { Clock } from '../clock.js';
import { tokensFor } from '../core/local-handover.js';
import { MetOwners } from '../core/outcome.js';
import type { QuarantineTerm } from '../core/quarantine.js';
import type { LeaseJson } from '../api/lease.js';
import type { ResolvedManagerOptions } from '../api/resolved-options.js';
import type { AcquireCall } from './acquire/acquire-call.js';
import {
  attempt,
  errorOf,
  type AttemptContext,
  type AttemptResult,
  type NotAcquired,
} from './acquire/attempt.js';
import { pause, type Cancellation } from './acquire/cancellation.js';
import { acquireOn, adoptOn } from './fallback/attempt-on.js';
import type { Fallback } from './fallback/fallback.js';
import type { LeaseRegistry } from './lease-registry.js';
import type { HeldKeys } from './lease/held-keys.js';
import type { HeldLease } from './lease/held-lease.js';
import { newHolderId } from './quorum/holder-id.js';
import type { Quorum } from './quorum/quorum.js';
import type { LockRequest } from './quorum/terms.js';
import type { ReleaseNotifications } from './waiting/release-notifications.js';
import type { WaitQueue } from './waiting/wait-queue.js';

/** What the attempts of a manager have in common. */
export interface RunningAttemptsContext {
  readonly options: Pick<ResolvedManagerOptions, 'holder' | 'driftFactor' | 'fencing'>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly quorum: Quorum;
  readonly quarantine: QuarantineTerm;
  readonly fallback: Fallback | undefined;
  readonly queue: WaitQueue;
  readonly notifications: ReleaseNotifications;
  readonly leases: LeaseRegistry;
}

/**
 * The attempts of a manager that are running. One that is cancelled goes on to its end although its call is
 * over, and what it wins is released.
 */
export class RunningAttempts {
  readonly #context: RunningAttemptsContext;
  readonly #attemptContext: AttemptContext;
  #count = 0;
  #onIdle: (() => void) | undefined;

  constructor(context: RunningAttemptsContext) {
    const { clock, random, options } = context;
    const { driftFactor, fencing } = options;
    this.#context = context;
    this.#attemptContext = {
      clock,
      random,
      driftFactor,
      fencing,
      newHolderId: () => newHolderId(options.holder),
      sleep: (delayMs) => pause(clock, delayMs),
      metOwners: new MetOwners(),
    };
  }

  /**
   * Makes the only attempt of a call, and its lease. If it is cancelled, it rejects with the reason at the
   * end of the attempt, not before: so it needs no promise and no listener besides. Most calls come this way.
   */
  async acquireOnce(call: AcquireCall, cancellation: Cancellation): Promise<HeldLease> {
    const { leases } = this.#context;
    try {
      const result = await this.#attempt(call, cancellation);
      if (cancellation.isCancelled) {
        if (result.kind === 'won') leases.discard(result);
        throw cancellation.reason!;
      }
      if (result.kind !== 'won') throw errorOf(call.resources, result);
      return leases.hold(call, leases.begin(result), 1);
    } finally {
      this.#attemptEnded();
    }
  }

  /** Makes one attempt of several. When it is cancelled, it rejects with the reason at once. */
  tryAcquire(call: AcquireCall, cancellation: Cancellation): Promise<HeldKeys | NotAcquired> {
    const { leases } = this.#context;
    return new Promise((resolve, reject) => {
      const onCancel = (): void => reject(cancellation.reason!);
      const onResult = (result: AttemptResult): void => {
        cancellation.off(onCancel);
        if (!cancellation.isCancelled) resolve(result.kind === 'won' ? leases.begin(result) : result);
        else if (result.kind === 'won') leases.discard(result);
        this.#attemptEnded();
      };
      const onError = (error: Error): void => {
        reject(error);
        this.#attemptEnded();
      };
      cancellation.on(onCancel);
      this.#attempt(call, cancellation).then(onResult, onError);
    });
  }

  /** Resolves when no attempt is running, after `timeoutMs` at the latest. */
  async whenIdle(timeoutMs: number): Promise<void> {
    if (this.#count === 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.#context.clock.setTimer(resolve, timeoutMs);
      this.#onIdle = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  /** Makes one attempt. When it and what follows are over, `#attemptEnded` is to be called. */
  #attempt(call: AcquireCall, cancellation: Cancellation): Promise<AttemptResult> {
    this.#count++;
    const { quorum, quarantine, fallback, queue, notifications } = this.#context;
    const { resources, options } = call;
    const { ttlMs, nodeTimeoutMs, tick, retry, attempts: maxRuns, waitMs } = options;
    // Before the nodes are asked: what they grant must not outlive a quarantine.
    quarantine.raise(ttlMs);
    const waiters = queue.countWaiters(resources);
    const request = {
      id: call.id,
      resources,
      ttlMs,
      nodeTimeoutMs,
      tick,
      retry,
      maxRuns,
      tokens: tokensFor(waitMs > 0 ? waiters - 1 : waiters),
      queueEntry: waitMs > 0 ? notifications.queueEntry : undefined,
    };
    return call.adopted === undefined && fallback === undefined
      ? attempt(quorum, this.#attemptContext, request, cancellation)
      : this.#attemptOtherwise(call.adopted, request, cancellation);
  }

  /** An attempt that adopts a lease, or for which the fallback may grant. */
  #attemptOtherwise(
    adopted: LeaseJson | undefined,
    request: LockRequest,
    cancellation: Cancellation,
  ): Promise<AttemptResult> {
    const { quorum, fallback } = this.#context;
    const attemptOn =
      adopted === undefined
        ? acquireOn(this.#attemptContext, request, cancellation)
        : adoptOn(quorum, this.#attemptContext, adopted, request, cancellation);
    return fallback?.attempt(request.resources, attemptOn) ?? attemptOn(quorum);
  }

  #attemptEnded(): void {
    if (--this.#count === 0) this.#onIdle?.();
  }
}
