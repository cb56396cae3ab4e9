import {
  currentLease,
  type AcquireOptions,
  type LockManager,
  type LockOptions,
  type RunPolicyOptions,
  type TickSchedule,
} from '../index.js';
import {
  fireLate,
  firingJob,
  jobStateOf,
  lateTick,
  takeCronFire,
  type Origin,
  type RegistryLike,
} from './cron/cron-fires.js';
import { ledMethodsOf, type LedMethod } from './leader/led-method.js';
import { LeaderElection } from './leader/leader-election.js';
import { isOfCall, keyAt, keysGivenTo, type KeyPath } from './keys/key-source.js';
import { LockLog } from './log/lock-log.js';
import { DEFAULT_TTL_MS, type OnHeld } from './lock-settings.js';
import { runCall, type RefusalPlan, type MethodPlan } from './locked-call.js';
import type { LineLogger } from './log/module-logger.js';
import { keysOf, labelOf, methodName, namedKeys, type Keyed, type LockedMethod } from './locked-method.js';
import { cronMetadataOf, isScheduled, isSchedulerCall, scheduledCronOf } from './nest-metadata.js';
import { assertHoldsFit, type NormalizedOptions } from './normalize-options.js';
import { callerOf, type Caller } from './refusal/caller.js';
import { LateRuns } from './runs/late-runs.js';
import { assertNoRuns, assertRunsFit, mergeRuns } from './runs/normalize-runs.js';
import { insideHandler, requestHandledBy } from './request/request-scope.js';

/** A call that the scheduler makes later than this after its tick is logged as a warning. */
const LATE_MS = 60_000;

/** Runs decorated methods under the locks of one module instance. */
export class LockRunner {
  readonly log: LockLog;
  readonly leaders: LeaderElection;
  readonly lateRuns: LateRuns;
  /** The schedulers of the application. They are watched, so that their calls are told from others. */
  readonly schedulers: RegistryLike[] = [];
  readonly #plans = new WeakMap<object, Map<LockedMethod, MethodPlan>>();
  /** The methods and the cron jobs that a warning has said to have no tick. */
  readonly #warnedOfNoTick = new Set<MethodPlan | string>();

  constructor(
    readonly locks: LockManager,
    private readonly defaults: Pick<LockOptions, 'ttlMs' | 'nodeTimeoutMs' | 'minHoldMs' | 'maxHoldMs'> & {
      readonly keyPrefix?: string | undefined;
    },
    private readonly application: string,
    private readonly defaultRuns: RunPolicyOptions,
    logger: LineLogger,
  ) {
    this.log = new LockLog(logger);
    this.lateRuns = new LateRuns(locks, logger);
    const onElected = (): void => void this.lateRuns.onElected();
    const { nodeTimeoutMs, maxHoldMs } = defaults;
    const terms = { ttlMs: this.ttlMsOf({}), nodeTimeoutMs, maxHoldMs };
    this.leaders = new LeaderElection(locks, terms, logger, onElected);
  }

  get isClosed(): boolean {
    return this.locks.closed;
  }

  /** Where it locks, as text: runners that lock elsewhere do not exclude each other. */
  get place(): string {
    const nodes = this.locks.nodes().map(({ name }) => name);
    return `${nodes.join(', ')}, keyPrefix ${JSON.stringify(this.defaults.keyPrefix ?? 'the default')}`;
  }

  /**
   * Decides how a method is locked in the class of `owner`, and remembers it. `found` is the function that
   * Nest finds on the class: it may be another decorator's wrapper around ours, with metadata of its own.
   */
  plan(owner: object, locked: LockedMethod, found: unknown, schedule: TickSchedule | undefined): MethodPlan {
    const caller = callerOf(owner, locked.property, [locked.wrapper, found]);
    const refusals = refusalPlanOf(locked, caller);
    const scheduled = isScheduled(locked.wrapper) || isScheduled(found);
    const plan: MethodPlan = {
      name: labelOf(owner, locked),
      ...refusals,
      ofScheduler: scheduled && caller !== 'none' ? refusalPlanOf(locked, 'none') : undefined,
      isScheduled: scheduled,
      cron: scheduledCronOf(locked.wrapper, found),
      schedule,
      runs: mergeRuns(this.defaultRuns, locked.runs),
    };
    const plans = this.#plans.get(owner.constructor) ?? new Map<LockedMethod, MethodPlan>();
    this.#plans.set(owner.constructor, plans.set(locked, plan));
    return plan;
  }

  /** Plans a method of a module that was loaded after the start, at its first call. */
  #planLate(instance: object, locked: LockedMethod): MethodPlan {
    this.assertFits(methodName(instance, locked.property), locked.normalizedOptions);
    const plan = this.plan(instance, locked, undefined, undefined);
    this.locks.declare(plan.name);
    return plan;
  }

  /** Runs one call of a decorated method under its lock; without the lock, does what `onHeld` says. */
  async run(locked: LockedMethod, instance: object, args: unknown[]): Promise<unknown> {
    const known = this.#plans.get(instance.constructor)?.get(locked) ?? this.#planLate(instance, locked);
    const request = requestHandledBy(instance, locked.property);
    const plan = planOfCall(known, request?.caller);
    // Before the first await: the tick belongs to the moment of the call.
    const method = methodName(instance, locked.property);
    const origin = this.#originOf(plan, args);
    const byScheduler = origin !== 'hand';
    const tick = origin === 'schedule' ? this.#findTick(plan, method) : undefined;
    if (origin === 'other schedule') this.#warnOfOtherSchedule(known, method);
    if (lacksTick(known, locked)) this.#warnOfNoTick(known, method);
    const tellEnd = request?.begin();
    try {
      const keys =
        typeof locked.key === 'function'
          ? keysGivenTo(method, await locked.key.apply(instance, args))
          : this.keysOf(instance, locked, args);
      const options = this.acquireOptions(locked.normalizedOptions, plan.onHeld, plan.name);
      const key = namedKeys(keys);
      const call = { plan, locked, instance, args, keys, key, byScheduler, tick, request };
      return await insideHandler(() => runCall(this.locks, this.log, options, call));
    } finally {
      tellEnd?.();
    }
  }

  /** Runs one call of a method with `@RunOnLeader()`, if this application leads. */
  async runOnLeader({ election, original }: LedMethod, instance: object, args: unknown[]): Promise<unknown> {
    const outcome = await this.leaders.run(election, () => original.apply(instance, args));
    return outcome.ran ? outcome.value : undefined;
  }

  /**
   * Watches the ticks of a method, so that they can be run late. A key that depends on the call cannot be
   * watched, and neither can a method that another one overrides: that one is called.
   */
  watchTicks(instance: object, locked: LockedMethod, plan: MethodPlan, isOverridden: boolean): void {
    const { name, schedule, runs, cron } = plan;
    const method = methodName(instance, locked.property);
    if (schedule === undefined || cron === undefined) {
      // An override without @Cron takes the ticks away: no mistake of the method's own.
      const isTakenAway = cron === undefined && cronMetadataOf(locked.wrapper) !== undefined;
      return isTakenAway ? undefined : assertNoRuns(method, locked.runs, locked.once);
    }
    assertRunsFit(method, runs);
    if (isOfCall(locked)) return;
    const keys = this.keysOf(instance, locked, []);
    const [key] = keys;
    if (key === undefined || keys.length > 1)
      throw new Error(`${method}: a list of keys needs once: false: a tick is recorded under one key`);
    if (isOverridden || cron.disabled === true) return;
    // As the scheduler calls it: with whatever other decorators have put around it.
    const call = instance as Record<string | symbol, (...args: unknown[]) => unknown>;
    const run = async (tick: number): Promise<unknown> =>
      jobStateOf(this.schedulers, cron) === 'active'
        ? fireLate(cron, tick, () => call[locked.property]!(undefined))
        : undefined;
    const hasJob = (): boolean => jobStateOf(this.schedulers, cron) !== 'none';
    const isLed = ledMethodsOf(Object.getPrototypeOf(instance) as object).some(
      ({ property }) => property === locked.property,
    );
    this.lateRuns.add({ key, name, method, schedule, policy: runs, isScheduled: hasJob, isLed, run });
  }

  /** The keys of a method or handler without a key function. `args` are what its `keyPath` leads into. */
  keysOf(
    owner: object,
    keyed: Keyed & { readonly keyPath?: KeyPath | undefined },
    args: readonly unknown[],
  ): readonly string[] {
    const keys = keysOf(owner, keyed, this.application);
    const { keyPath } = keyed;
    return keyPath === undefined ? keys : keys.map((key) => keyAt(key, keyPath, args));
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
      ...waitOptions(normalizedOptions, onHeld, ttlMs),
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

  /** If no scheduler is known, the way of the call tells whether a scheduler makes it. */
  #originOf({ cron }: MethodPlan, args: readonly unknown[]): Origin {
    if (cron === undefined) return 'hand';
    if (this.schedulers.length > 0) return takeCronFire(cron, args);
    return isSchedulerCall(args) ? 'schedule' : 'hand';
  }

  #findTick({ schedule }: MethodPlan, method: string): number | undefined {
    if (schedule === undefined) return undefined;
    const late = lateTick();
    if (late !== undefined) return late;
    const nowMs = Date.now();
    const tick = schedule.latest(nowMs);
    if (tick !== undefined && nowMs - tick > LATE_MS) this.log.firedLate(method, nowMs - tick);
    return tick;
  }

  /** Warns of a cron job that was added at run time, and of the locked methods that it may call. */
  warnOfAddedJob(job: string, methods: readonly string[]): void {
    this.#warnedOfNoTick.add(job);
    this.log.addedAtRunTime(job, methods);
  }

  /**
   * A cron job calls a locked method that has no schedule. Under a lease of its caller it runs as often as
   * that.
   */
  #warnOfNoTick(plan: MethodPlan, method: string): void {
    const job = firingJob();
    if (job === undefined || currentLease() !== undefined) return;
    if (this.#warnedOfNoTick.has(plan) || this.#warnedOfNoTick.has(job)) return;
    this.#warnedOfNoTick.add(plan);
    this.log.noTick(method, job);
  }

  #warnOfOtherSchedule(plan: MethodPlan, method: string): void {
    if (plan.schedule === undefined || this.#warnedOfNoTick.has(plan)) return;
    this.#warnedOfNoTick.add(plan);
    this.log.otherSchedule(method);
  }
}

/** What becomes of a call without its lock, where this caller waits for its result. */
function refusalPlanOf({ onHeld, onUnavailable }: LockedMethod, caller: Caller): RefusalPlan {
  const held = onHeld ?? (caller === 'none' ? 'skip' : 'throw');
  const byDefault = held === 'skip' && caller === 'none' ? 'skip' : 'throw';
  return { caller, onHeld: held, onUnavailable: onUnavailable ?? byDefault };
}

/**
 * The plan of one call. A handler with a schedule, for "run now": where no request calls it, the scheduler
 * does, or other code. A handler of several transports answers each request in its own way.
 */
function planOfCall(known: MethodPlan, caller: Caller | undefined): MethodPlan {
  if (caller === undefined)
    return known.ofScheduler === undefined ? known : { ...known, ...known.ofScheduler };
  const isOther = caller !== known.caller && caller !== 'none' && known.caller !== 'none';
  return isOther ? { ...known, caller } : known;
}

function waitOptions({ wait, waitMs }: NormalizedOptions, onHeld: OnHeld, ttlMs: number): AcquireOptions {
  if (onHeld !== 'wait') return { waitMs: 0 };
  return wait === true ? { retries: 0 } : { retries: 0, waitMs: waitMs ?? ttlMs };
}

/** Whether cron jobs that call this method are likely to run it more than once for one scheduled time. */
export const lacksTick = ({ caller, cron }: MethodPlan, locked: LockedMethod): boolean =>
  caller === 'none' &&
  cron === undefined &&
  locked.once === undefined &&
  (locked.normalizedOptions.minHoldMs ?? 0) === 0;
