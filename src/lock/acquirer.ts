import type { Clock } from '../clock.js';
import { tokensFor } from '../core/local-handover.js';
import { MetOwners } from '../core/outcome.js';
import type { QuarantineTerm } from '../core/quarantine.js';
import { LockManagerClosedError, LockNotAcquiredError } from '../api/errors.js';
import type { LockEvents } from '../api/lock-events.js';
import type { LeaseJson } from '../api/lease.js';
import type { ResolvedAcquireOptions, ResolvedManagerOptions } from '../api/resolved-options.js';
import { AcquireCall } from './acquire/acquire-call.js';
import {
  attempt,
  errorOf,
  type AttemptContext,
  type AttemptResult,
  type NotAcquired,
} from './acquire/attempt.js';
import { Cancellation, pause, unlessCancelled } from './acquire/cancellation.js';
import { acquisitionOn, adoptionOn } from './fallback/attempt-on.js';
import type { Fallback } from './fallback/fallback.js';
import { openFallback } from './fallback/open-fallback.js';
import { LeaseRegistry } from './lease-registry.js';
import { onAbort } from './lease/abort-listeners.js';
import type { HeldKeys } from './lease/held-keys.js';
import type { HeldLease } from './lease/held-lease.js';
import { KeysHeld } from './lease/keys-held.js';
import type { LeaseScheduler } from './lease/lease-scheduler.js';
import type { LeaseGuard } from './lease/stand-in.js';
import { newHolderId } from './quorum/holder-id.js';
import type { Quorum } from './quorum/quorum.js';
import type { LockRequest } from './quorum/terms.js';
import { ReleaseNotifications } from './waiting/release-notifications.js';
import { acquireWithRetries } from './waiting/retry-loop.js';
import { WaitQueue } from './waiting/wait-queue.js';
import { Waiter, type WaitContext } from './waiting/waiter.js';

/** What a manager gives its acquirer. */
export interface AcquirerContext {
  readonly options: ResolvedManagerOptions;
  readonly clock: Clock;
  readonly random: () => number;
  readonly events: LockEvents;
  readonly quorum: Quorum;
  readonly quarantine: QuarantineTerm;
  /** A quorum of one node, in memory or a database; `undefined`: there is no fallback. */
  readonly fallback: Quorum | undefined;
  readonly onFallback: (active: boolean, reason: string) => void;
  /** Whether all nodes are in memory, so that every lock excludes this process only. */
  readonly isInMemory: boolean;
  readonly scheduler: LeaseScheduler;
  readonly guard: LeaseGuard | undefined;
  /** What the first calls wait for, because the nodes are not known yet; `undefined` once they are. */
  readonly starting: () => Promise<void> | undefined;
}

const DRAINED = new Error('the lock manager is draining');

/** Carries out acquire calls: once, with retries, or waiting in line. */
export class Acquirer {
  readonly leases: LeaseRegistry;
  readonly #context: AcquirerContext;
  readonly #attemptContext: AttemptContext;
  readonly #waitContext: WaitContext;
  readonly #fallback: Fallback | undefined;
  readonly #queue: WaitQueue;
  readonly #notifications: ReleaseNotifications;
  /**
   * Cancelled by `drain`. A call with a single attempt looks at it; each other call has a cancellation of its
   * own.
   */
  readonly #drained = new Cancellation();
  readonly #cancellations = new Set<Cancellation>();
  #calls = 0;
  #runningAttempts = 0;
  #onIdle: (() => void) | undefined;

  constructor(context: AcquirerContext) {
    const { options, clock, random, quorum, quarantine } = context;
    const { driftFactor, fencing, keyPrefix } = options;
    this.#context = context;
    const held = new KeysHeld();
    this.#queue = new WaitQueue(clock, held);
    this.#notifications = new ReleaseNotifications(
      quorum.nodes,
      clock,
      random,
      this.#queue,
      options,
      quarantine,
    );
    this.#fallback = openFallback(context);
    this.leases = new LeaseRegistry({
      ...context,
      driftFactor,
      keyPrefix,
      held,
      queue: this.#queue,
      notifications: this.#notifications,
      fallback: this.#fallback,
    });
    this.#attemptContext = {
      clock,
      random,
      driftFactor,
      fencing,
      newHolderId: () => newHolderId(options.holder),
      sleep: (delayMs) => pause(clock, delayMs),
      metOwners: new MetOwners(),
    };
    this.#waitContext = {
      clock,
      random,
      queue: this.#queue,
      notifications: this.#notifications,
      hold: (call, keys, attempts) => this.leases.hold(call, keys, attempts),
    };
  }

  get isDraining(): boolean {
    return this.#drained.isCancelled;
  }

  acquire(resources: readonly string[], options: ResolvedAcquireOptions): Promise<HeldLease> {
    return this.#carryOut(new AcquireCall(this.#context, ++this.#calls, resources, options));
  }

  /** Takes over the lease that another process has given away, or still holds. */
  adopt(lease: LeaseJson, options: ResolvedAcquireOptions): Promise<HeldLease> {
    return this.#carryOut(new AcquireCall(this.#context, ++this.#calls, lease.resources, options, lease));
  }

  async #carryOut(call: AcquireCall): Promise<HeldLease> {
    const { resources, options } = call;
    const { signal, retries, waitMs } = options;
    // A single attempt ends by itself: nothing has to be cancelled.
    const isSingle = signal === undefined && retries === 0 && waitMs === 0 && call.adopted === undefined;
    try {
      if (this.isDraining) throw DRAINED;
      return isSingle && this.#context.starting() === undefined
        ? await this.#acquireOnce(call)
        : await this.#acquireCancellably(call);
    } catch (thrown) {
      const error = thrown === DRAINED ? new LockManagerClosedError(resources) : this.#withHolder(thrown);
      call.emitFailure(error);
      throw error;
    }
  }

  /** Tells whether the holder is this very manager. Another process may have a holder of the same name. */
  #withHolder(error: unknown): unknown {
    if (!(error instanceof LockNotAcquiredError) || error.owner !== this.#context.options.holder)
      return error;
    const { resources, reason, owner, retryAfterMs, run } = error;
    return this.leases.holdsAny(resources)
      ? new LockNotAcquiredError(resources, reason, owner, retryAfterMs, true, run)
      : error;
  }

  /** Grants nothing any more, and ends the calls that wait. */
  drain(): void {
    this.#drained.cancel(DRAINED);
    for (const cancellation of this.#cancellations) cancellation.cancel(DRAINED);
  }

  /**
   * Resolves when no attempt is running, after `timeoutMs` at the latest. The callers of those that run may
   * have gone.
   */
  async whenIdle(timeoutMs: number): Promise<void> {
    if (this.#runningAttempts === 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.#context.clock.setTimer(resolve, timeoutMs);
      this.#onIdle = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  close(): void {
    this.#notifications.close();
    this.#fallback?.close?.();
  }

  async #acquireOnce(call: AcquireCall): Promise<HeldLease> {
    try {
      const result = await this.#attempt(call, this.#drained);
      if (this.isDraining) {
        if (result.kind === 'won') this.leases.discard(result);
        throw DRAINED;
      }
      if (result.kind !== 'won') throw errorOf(call.resources, result);
      return this.leases.hold(call, this.leases.begin(result), 1);
    } finally {
      this.#attemptEnded();
    }
  }

  async #acquireCancellably(call: AcquireCall): Promise<HeldLease> {
    const { signal, waitMs } = call.options;
    const cancellation = new Cancellation();
    const cancel = (): void => cancellation.cancel(signal?.reason as Error);
    if (signal?.aborted) cancel();
    const unlisten = signal && onAbort(signal, cancel);
    this.#cancellations.add(cancellation);
    try {
      const starting = this.#context.starting();
      if (starting !== undefined) await unlessCancelled(starting, cancellation);
      const tryAcquire = (by: Cancellation): Promise<HeldKeys | NotAcquired> => this.#tryAcquire(call, by);
      return waitMs > 0
        ? await new Waiter(this.#waitContext, call, cancellation, tryAcquire).acquire()
        : await acquireWithRetries(this.#waitContext, call, cancellation, tryAcquire);
    } finally {
      this.#cancellations.delete(cancellation);
      unlisten?.();
    }
  }

  /**
   * Makes one attempt. When it is cancelled, it rejects with the reason at once; the attempt goes on to its
   * end, and what it wins is released.
   */
  #tryAcquire(call: AcquireCall, cancellation: Cancellation): Promise<HeldKeys | NotAcquired> {
    return new Promise((resolve, reject) => {
      const onCancel = (): void => reject(cancellation.reason!);
      const onResult = (result: AttemptResult): void => {
        cancellation.off(onCancel);
        if (!cancellation.isCancelled) resolve(result.kind === 'won' ? this.leases.begin(result) : result);
        else if (result.kind === 'won') this.leases.discard(result);
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

  /** Makes one attempt. When it and what follows are over, `#attemptEnded` is to be called. */
  #attempt(call: AcquireCall, cancellation: Cancellation): Promise<AttemptResult> {
    this.#runningAttempts++;
    const { resources, options } = call;
    const { ttlMs, nodeTimeoutMs, tick, retry, attempts: maxRuns, waitMs } = options;
    // Before the nodes are asked: what they grant must not outlive a quarantine.
    this.#context.quarantine.raise(ttlMs);
    const waiters = this.#queue.countWaiters(resources);
    const request = {
      id: call.id,
      resources,
      ttlMs,
      nodeTimeoutMs,
      tick,
      retry,
      maxRuns,
      tokens: tokensFor(waitMs > 0 ? waiters - 1 : waiters),
      queueEntry: waitMs > 0 ? this.#notifications.queueEntry : undefined,
    };
    return call.adopted === undefined && this.#fallback === undefined
      ? attempt(this.#context.quorum, this.#attemptContext, request, cancellation)
      : this.#attemptOtherwise(call.adopted, request, cancellation);
  }

  /** An attempt that adopts a lease, or for which the fallback may grant. */
  #attemptOtherwise(
    adopted: LeaseJson | undefined,
    request: LockRequest,
    cancellation: Cancellation,
  ): Promise<AttemptResult> {
    const { quorum } = this.#context;
    const attemptOn =
      adopted === undefined
        ? acquisitionOn(this.#attemptContext, request, cancellation)
        : adoptionOn(quorum, this.#attemptContext, adopted, request, cancellation);
    return this.#fallback?.attempt(request.resources, attemptOn) ?? attemptOn(quorum);
  }

  readonly #attemptEnded = (): void => {
    if (--this.#runningAttempts === 0) this.#onIdle?.();
  };
}
