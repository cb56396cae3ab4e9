import type { Clock } from '../clock.js';
import type { QuarantineTerm } from '../core/quarantine.js';
import { LockManagerClosedError, LockNotAcquiredError } from '../api/errors.js';
import type { LockEvents } from '../api/lock-events.js';
import type { LeaseJson } from '../api/lease.js';
import type { ResolvedAcquireOptions, ResolvedManagerOptions } from '../api/resolved-options.js';
import { AcquireCall } from './acquire/acquire-call.js';
import type { NotAcquired } from './acquire/attempt.js';
import { Cancellation, unlessCancelled } from './acquire/cancellation.js';
import type { Fallback } from './fallback/fallback.js';
import { openFallback } from './fallback/open-fallback.js';
import { LeaseRegistry } from './lease-registry.js';
import { onAbort } from './lease/abort-listeners.js';
import { AllHeldKeys } from './lease/all-held-keys.js';
import type { HeldKeys } from './lease/held-keys.js';
import type { HeldLease } from './lease/held-lease.js';
import type { LeaseScheduler } from './lease/lease-scheduler.js';
import type { LeaseGuard } from './lease/lease-guard.js';
import type { Quorum } from './quorum/quorum.js';
import { RunningAttempts } from './running-attempts.js';
import { Fifo } from './waiting/fifo.js';
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
  readonly fallbackQuorum: Quorum | undefined;
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
  readonly #attempts: RunningAttempts;
  readonly #waitContext: WaitContext;
  readonly #notifications: ReleaseNotifications;
  readonly #fallback: Fallback | undefined;
  /**
   * Cancelled by `drain`. A call with a single attempt looks at it; each other call has a cancellation of its
   * own.
   */
  readonly #drained = new Cancellation();
  readonly #cancellations = new Fifo<Cancellation>();
  #calls = 0;

  constructor(context: AcquirerContext) {
    const { options, clock, random, quorum, quarantine } = context;
    const { driftFactor, keyPrefix } = options;
    const held = new AllHeldKeys();
    const queue = new WaitQueue(clock, held);
    const notifications = new ReleaseNotifications(quorum.nodes, clock, random, queue, options, quarantine);
    const fallback = openFallback(context);
    this.#context = context;
    this.#notifications = notifications;
    this.#fallback = fallback;
    const shared = { ...context, queue, notifications, fallback };
    this.leases = new LeaseRegistry({ ...shared, driftFactor, keyPrefix, held });
    this.#attempts = new RunningAttempts({ ...shared, leases: this.leases });
    this.#waitContext = {
      clock,
      random,
      queue,
      notifications,
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
      // It waits for nothing and listens to nothing: a program may make very many calls with such a signal.
      signal?.throwIfAborted();
      return isSingle && this.#context.starting() === undefined
        ? await this.#attempts.acquireOnce(call, this.#drained)
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

  /** Resolves when no attempt is running, after `timeoutMs` at the latest. Their callers may have gone. */
  whenIdle(timeoutMs: number): Promise<void> {
    return this.#attempts.whenIdle(timeoutMs);
  }

  close(): void {
    this.#notifications.close();
    this.#fallback?.close?.();
  }

  async #acquireCancellably(call: AcquireCall): Promise<HeldLease> {
    const { signal, waitMs } = call.options;
    const cancellation = new Cancellation();
    const cancel = (): void => cancellation.cancel(signal?.reason as Error);
    const unlisten = signal && onAbort(signal, cancel);
    const entry = this.#cancellations.add(cancellation);
    try {
      const starting = this.#context.starting();
      if (starting !== undefined) await unlessCancelled(starting, cancellation);
      const tryAcquire = (by: Cancellation): Promise<HeldKeys | NotAcquired> =>
        this.#attempts.tryAcquire(call, by);
      return waitMs > 0
        ? await new Waiter(this.#waitContext, call, cancellation, tryAcquire).acquire()
        : await acquireWithRetries(this.#waitContext, call, cancellation, tryAcquire);
    } finally {
      this.#cancellations.remove(entry);
      unlisten?.();
    }
  }
}
