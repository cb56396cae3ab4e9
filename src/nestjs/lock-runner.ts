import {
  LeaseLostError,
  type AcquireOptions,
  type Lease,
  type LockManager,
  type LockOptions,
} from '../index.js';
import type { TickOf } from './cron-schedule.js';
import { toHttpException } from './lock-http.js';
import { isAcquireFailure, LockLog } from './lock-log.js';
import { DEFAULT_TTL_MS, type OnHeld } from './lock-settings.js';
import { keyOf, labelOf, methodName, type LockedMethod } from './locked-method.js';
import { isMessageHandler, isRoute, isSchedulerCall } from './nest-metadata.js';
import { assertHoldsFit, type NormalizedOptions } from './normalize-options.js';

/**
 * How a method is locked in one class. A base class's method may be a job in one subclass and a route in
 * another.
 */
export interface MethodPlan {
  /** The lock's name in metrics. */
  readonly name: string;
  readonly onHeld: OnHeld;
  /** Whether an HTTP client waits for the answer: errors become status codes. */
  readonly http: boolean;
  /** Finds the tick of a call; `undefined` unless the method runs once per tick. */
  readonly tickOf: TickOf | undefined;
}

/** A call that the scheduler makes later than this after its tick is logged as a warning. */
const LATE_MS = 60_000;

/** Runs decorated methods under the locks of one module instance. */
export class LockRunner {
  readonly log = new LockLog();
  readonly #plans = new WeakMap<object, Map<LockedMethod, MethodPlan>>();

  constructor(
    readonly locks: LockManager,
    private readonly defaults: Pick<LockOptions, 'ttlMs' | 'nodeTimeoutMs' | 'minHoldMs' | 'maxHoldMs'>,
  ) {}

  /**
   * Decides how a method is locked in the class of `owner`, and remembers it. `found` is the function that
   * Nest finds on the class: it may be another decorator's wrapper around ours, with metadata of its own.
   */
  plan(owner: object, locked: LockedMethod, found: unknown, tickOf: TickOf | undefined): MethodPlan {
    const http = isRoute(locked.wrapper) || isRoute(found);
    const hasCaller = http || isMessageHandler(locked.wrapper) || isMessageHandler(found);
    const plan: MethodPlan = {
      name: labelOf(owner, locked),
      onHeld: locked.onHeld ?? (hasCaller ? 'throw' : 'skip'),
      http,
      tickOf,
    };
    const plans = this.#plans.get(owner.constructor) ?? new Map<LockedMethod, MethodPlan>();
    this.#plans.set(owner.constructor, plans.set(locked, plan));
    return plan;
  }

  /** Runs one call of a decorated method under its lock; without the lock, does what `onHeld` says. */
  async run(locked: LockedMethod, instance: object, args: unknown[]): Promise<unknown> {
    const plan =
      this.#plans.get(instance.constructor)?.get(locked) ?? this.plan(instance, locked, undefined, undefined);
    // Before the first await: the tick belongs to the moment of the call.
    const tick = this.#findTick(plan, methodName(instance, locked.property), args);
    const key =
      typeof locked.key === 'function' ? await locked.key.apply(instance, args) : keyOf(instance, locked);
    const options = this.acquireOptions(locked.normalizedOptions, plan.onHeld, plan.name);
    let lease: Lease | undefined;
    try {
      return await this.locks.withLock(key, tick === undefined ? options : { ...options, tick }, (held) => {
        lease = held;
        this.log.acquired(key, held.attempts);
        return locked.original.apply(instance, args);
      });
    } catch (error) {
      if (lease === undefined) return this.#skipOrThrow(plan, key, error);
      if (!(error instanceof LeaseLostError && lease.signal.aborted)) throw error;
      this.log.lostWhileRunning(error);
      throw plan.http ? toHttpException(error) : error;
    }
  }

  /**
   * The options of `acquire` for one call: the decorator's settings, and what keeps them consistent with the
   * manager's defaults. A short `ttl` shortens the node timeout, and `wait` and `retries` exclude each other.
   */
  acquireOptions(normalizedOptions: NormalizedOptions, onHeld: OnHeld, name: string): AcquireOptions {
    const ttlMs = this.ttlMsOf(normalizedOptions);
    const { nodeTimeoutMs } = this.defaults;
    return {
      ...normalizedOptions,
      ttlMs,
      name,
      ...(nodeTimeoutMs === undefined
        ? {}
        : { nodeTimeoutMs: Math.min(nodeTimeoutMs, Math.floor(ttlMs / 3)) }),
      ...(onHeld === 'wait' ? { retries: 0, waitMs: normalizedOptions.waitMs ?? ttlMs } : { waitMs: 0 }),
    };
  }

  /** The TTL of a method, in milliseconds: the decorator's, the module's, or the guide's. */
  ttlMsOf(normalizedOptions: NormalizedOptions): number {
    return normalizedOptions.ttlMs ?? this.defaults.ttlMs ?? DEFAULT_TTL_MS;
  }

  /** Throws a `RangeError` when the module's defaults make a decorator's settings impossible. */
  assertFits(method: string, normalizedOptions: NormalizedOptions): void {
    const { minHoldMs, maxHoldMs } = { ...this.defaults, ...normalizedOptions };
    assertHoldsFit(method, { minHoldMs, maxHoldMs }, this.ttlMsOf(normalizedOptions));
  }

  #findTick({ tickOf }: MethodPlan, method: string, args: readonly unknown[]): number | undefined {
    if (tickOf === undefined) return undefined;
    const nowMs = Date.now();
    const byScheduler = isSchedulerCall(args);
    const tick = tickOf({ nowMs, byScheduler });
    if (byScheduler && tick !== undefined && nowMs - tick > LATE_MS) this.log.firedLate(method, nowMs - tick);
    return tick;
  }

  #skipOrThrow(plan: MethodPlan, key: string, error: unknown): undefined {
    if (plan.onHeld === 'skip') {
      if (!isAcquireFailure(error)) throw error;
      this.log.skipped(key, error);
      return undefined;
    }
    if (plan.http) this.log.requestFailed(key, error);
    throw plan.http ? toHttpException(error) : error;
  }
}
