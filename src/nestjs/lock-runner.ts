import { Logger } from '@nestjs/common';
import {
  LeaseLostError,
  LockNotAcquiredError,
  LockManagerClosedError,
  QuorumUnreachableError,
  type AcquireOptions,
  type Lease,
  type LockManager,
  type LockOptions,
} from '../index.js';
import type { TickOf } from './cron-schedule.js';
import { asHttpException } from './lock-http.js';
import { assertHoldsFit, DEFAULT_TTL_MS, type OnHeld, type NormalizedOptions } from './lock-settings.js';
import { methodName, type LockedMethod } from './locked-method.js';
import { isMessageHandler, isRoute, isSchedulersCall } from './nest-metadata.js';

/** How a method is locked in one class; a base class's method may be a job in one subclass and a route in another. */
export interface MethodPlan {
  /** The lock's name in metrics. */
  readonly name: string;
  readonly onHeld: OnHeld;
  /** Whether a client waits for the answer, who understands status codes. */
  readonly http: boolean;
  readonly tickOf: TickOf | undefined;
}

/** A call of the scheduler that comes later than this has a story worth telling. */
const REMARKABLY_LATE_MS = 60_000;

/** Runs decorated methods under the locks of one module instance. */
export class LockRunner {
  // The guide's context: its users look for lines that begin with [DistributedLock].
  readonly #logger = new Logger('DistributedLock');
  readonly #plans = new WeakMap<object, Map<LockedMethod, MethodPlan>>();

  constructor(
    readonly locks: LockManager,
    private readonly defaults: Pick<LockOptions, 'ttlMs' | 'nodeTimeoutMs' | 'minHoldMs' | 'maxHoldMs'>,
  ) {}

  /** Plans a method from what Nest finds on the class, which may be a wrapper around ours with metadata of its own. */
  plan(owner: object, locked: LockedMethod, found: unknown, tickOf: TickOf | undefined): MethodPlan {
    const is = (trait: (method: unknown) => boolean): boolean => trait(locked.wrapper) || trait(found);
    const http = is(isRoute);
    const plan: MethodPlan = {
      name: labelOf(owner, locked),
      onHeld: locked.onHeld ?? (http || is(isMessageHandler) ? 'throw' : 'skip'),
      http,
      tickOf,
    };
    const plans = this.#plans.get(owner.constructor) ?? new Map<LockedMethod, MethodPlan>();
    this.#plans.set(owner.constructor, plans.set(locked, plan));
    return plan;
  }

  /** Runs one call of a decorated method, or what `onHeld` says instead. */
  async run(locked: LockedMethod, instance: object, args: unknown[]): Promise<unknown> {
    const plan =
      this.#plans.get(instance.constructor)?.get(locked) ?? this.plan(instance, locked, undefined, undefined);
    // Before anything is waited for: the tick is that of the moment of the call.
    const tick = this.#tickOf(plan, methodName(instance, locked.property), args);
    const key =
      typeof locked.key === 'function' ? await locked.key.apply(instance, args) : keyOf(instance, locked);
    const options = this.options(locked.normalizedOptions, plan.onHeld, plan.name);
    let lease: Lease | undefined;
    try {
      return await this.locks.withLock(key, tick === undefined ? options : { ...options, tick }, (held) => {
        lease = held;
        this.#logger.log(`Lock acquired: ${key} (attempt ${held.attempts})`);
        return locked.original.apply(instance, args);
      });
    } catch (error) {
      if (lease === undefined) return this.#notAcquired(plan, key, error);
      if (!(error instanceof LeaseLostError && lease.signal.aborted)) throw error;
      this.#logger.error(`Lock lost while running, the run does not count as a success: ${error.message}`);
      throw plan.http ? asHttpException(error) : error;
    }
  }

  /** What to acquire with: the decorator's settings, completed so that the manager's defaults do not contradict them. */
  options(normalizedOptions: NormalizedOptions, onHeld: OnHeld, name: string): AcquireOptions {
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

  ttlMsOf(normalizedOptions: NormalizedOptions): number {
    return normalizedOptions.ttlMs ?? this.defaults.ttlMs ?? DEFAULT_TTL_MS;
  }

  /** Refuses settings that only the module's options make impossible. `method` is who the error is about. */
  assertFits(method: string, normalizedOptions: NormalizedOptions): void {
    const { minHoldMs, maxHoldMs } = { ...this.defaults, ...normalizedOptions };
    assertHoldsFit(method, { minHoldMs, maxHoldMs }, this.ttlMsOf(normalizedOptions));
  }

  /** Tells the log what a client is only told by a status code. */
  logForClient(key: string, error: unknown): void {
    if (error instanceof QuorumUnreachableError) this.#logger.error(`Lock not acquired: ${error.message}`);
    if (error instanceof LeaseLostError)
      this.#logger.error(`Lock lost while handling a request: ${error.message}`);
    if (error instanceof LockNotAcquiredError) this.#logger.debug(`Request refused - lock held: ${key}`);
  }

  #tickOf({ tickOf }: MethodPlan, method: string, args: readonly unknown[]): number | undefined {
    if (tickOf === undefined) return undefined;
    const nowMs = Date.now();
    const byScheduler = isSchedulersCall(args);
    const tick = tickOf({ nowMs, byScheduler });
    if (byScheduler && tick !== undefined && nowMs - tick > REMARKABLY_LATE_MS) {
      this.#logger.warn(
        `${method} was fired ${Math.round((nowMs - tick) / 1_000)} s after its scheduled time, and counts for that time. ` +
          'Either this process was suspended, or the schedule was changed at run time, which needs once: false',
      );
    }
    return tick;
  }

  #notAcquired(plan: MethodPlan, key: string, error: unknown): undefined {
    if (plan.onHeld !== 'skip') {
      if (plan.http) this.logForClient(key, error);
      throw plan.http ? asHttpException(error) : error;
    }
    if (error instanceof LockNotAcquiredError) this.#logContended(key, error);
    else if (error instanceof QuorumUnreachableError)
      this.#logger.error(`Skipping execution - ${error.message}`);
    else if (error instanceof LockManagerClosedError)
      this.#logger.log(`Skipping execution - shutting down: ${key}`);
    else throw error;
    return undefined;
  }

  /**
   * The guide has its users watch for the held line, so it is at the level that everybody prints. That a tick has run is
   * what all workers but one find out each time when the job is short: nothing to watch for.
   */
  #logContended(key: string, { reason }: LockNotAcquiredError): void {
    if (reason === 'held') this.#logger.log(`Skipping execution - lock held by another instance: ${key}`);
    if (reason === 'already_ran')
      this.#logger.debug(`Skipping execution - this tick was already run: ${key}`);
    if (reason === 'contended')
      this.#logger.warn(`Skipping execution - several instances claim the lock, none got it: ${key}`);
  }
}

/** The key of a method that has none of its arguments: its own, or its class's and its own name. */
export function keyOf(owner: object, { key, property }: LockedMethod): string {
  return typeof key === 'string' ? key : methodName(owner, property);
}

const LONGEST_LABEL = 128;

/** Of few values: the key where it is always the same, never one that depends on a call. */
function labelOf(owner: object, locked: LockedMethod): string {
  const label = typeof locked.key === 'string' ? locked.key : methodName(owner, locked.property);
  return label.slice(0, LONGEST_LABEL);
}
