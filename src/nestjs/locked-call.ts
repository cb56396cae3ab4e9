import {
  LeaseLostError,
  LockManagerClosedError,
  LockNotAcquiredError,
  QuorumUnreachableError,
  type AcquireOptions,
  type Lease,
  type LockManager,
  type NotRunReason,
  type RunPolicyOptions,
  type TickSchedule,
} from '../index.js';
import type { CronMetadata } from './cron/cron-schedule.js';
import { isAcquireFailure, type AcquireFailure, type LockLog } from './log/lock-log.js';
import type { OnHeld, OnUnavailable } from './lock-settings.js';
import type { LockedMethod } from './locked-method.js';
import type { Caller } from './refusal/caller.js';
import { refuseJob } from './refusal/job-refusal.js';
import { toException, withoutFrames } from './refusal/lock-exceptions.js';
import { followResult, followSent, type LastingResult } from './request/lasting-result.js';
import { isGivenAway } from './request/readers.js';
import type { RequestScope } from './request/request-scope.js';
import { isStreamed } from './request/response.js';

/** What becomes of a call without its lock. */
export interface RefusalPlan {
  readonly onHeld: OnHeld;
  readonly onUnavailable: OnUnavailable;
  /** The kind of caller that waits for the result: each is told of a refusal in its own way. */
  readonly caller: Caller;
}

/**
 * How a method is locked in one class. A base class's method may be a job in one subclass and a route in
 * another.
 */
export interface MethodPlan extends RefusalPlan {
  /** The lock's name in metrics. */
  readonly name: string;
  /**
   * How a refusal is told when the scheduler calls a handler, and nobody waits; `undefined`: it never does.
   */
  readonly ofScheduler: RefusalPlan | undefined;
  /** Whether the method has `@Cron`, `@Interval` or `@Timeout`. */
  readonly isScheduled: boolean;
  /** The schedule, if the method has `@Cron`. */
  readonly cron: CronMetadata | undefined;
  /** The ticks of the scheduler; `undefined` unless the method runs once per tick. */
  readonly schedule: TickSchedule | undefined;
  /** What becomes of ticks that do not run as planned. */
  readonly runs: RunPolicyOptions;
}

/** One call of a locked method. */
export interface LockedCall {
  readonly plan: MethodPlan;
  readonly locked: LockedMethod;
  readonly instance: object;
  readonly args: unknown[];
  readonly keys: readonly string[];
  /** The keys in lines of the log. */
  readonly key: string;
  /** Whether the scheduler made the call of a method with `@Cron`, and not somebody by hand. */
  readonly byScheduler: boolean;
  readonly tick: number | undefined;
  /** The request that the method handles, if it is the handler of one. */
  readonly request: RequestScope | undefined;
}

/**
 * Runs one call under its lock; without the lock, does what `onHeld` says. Resolves when the caller may have
 * the result: when the lock is released, or before, if the result goes on.
 */
export function runCall(
  locks: LockManager,
  log: LockLog,
  options: AcquireOptions,
  call: LockedCall,
): Promise<unknown> {
  const { plan, locked, instance, args, key, request } = call;
  let lease: Lease | undefined;
  return new Promise((resolve) => {
    const routine = async (held: Lease): Promise<unknown> => {
      lease = held;
      // The request may have ended in the moment in which the lock was acquired.
      request?.signal.throwIfAborted();
      log.acquired(key, held.attempts, isManual(call));
      const result = await locked.original.apply(instance, args);
      const lasting = follow(result, held, call, log);
      if (lasting === undefined) return result;
      resolve(lasting.value);
      await lasting.ended;
      return undefined;
    };
    const settings = request === undefined ? options : { ...options, signal: request.signal };
    runUnderLock(locks, settings, call, routine).then(resolve, (error: unknown) => {
      const failed = lease === undefined ? refuse(call, error, log) : fail(plan, lease, error, log);
      // The caller may have a result that goes on: then the result itself has told the error to its reader.
      failed.catch(() => undefined);
      resolve(failed);
    });
  });
}

/** A tick that is not run here, for a reason that only its policy knows. */
class NotRun extends Error {
  constructor(
    readonly reason: NotRunReason,
    override readonly cause: LockNotAcquiredError,
  ) {
    super(cause.message, { cause });
  }
}

/** Runs a call of a method with a schedule as a run, with its tick or by hand; any other under its lock. */
async function runUnderLock(
  locks: LockManager,
  options: AcquireOptions,
  call: LockedCall,
  routine: (lease: Lease) => Promise<unknown>,
): Promise<unknown> {
  const { keys, key, plan, tick } = call;
  const isList = keys.length > 1;
  if (isList && tick !== undefined)
    throw new TypeError(`a list of keys needs once: false: a tick is recorded under one key, got ${key}`);
  if (isList || (tick === undefined && !isManual(call))) return locks.withLock(keys, options, routine);
  const run =
    tick === undefined
      ? ({ key, tick: 'manual' } as const)
      : { key, tick, nextTick: plan.schedule?.next(tick), ...plan.runs };
  const result = await locks.runOnce({ ...options, ...run }, (_, lease) => routine(lease));
  if (result.ran) return result.value;
  throw new NotRun(result.reason, result.error);
}

/** Follows a result that goes on after the method has returned: the lock is held until it has ended. */
function follow(
  result: unknown,
  lease: Lease,
  { request, key }: LockedCall,
  log: LockLog,
): LastingResult | undefined {
  const listener = {
    onRead: () => request?.begin() ?? (() => undefined),
    onUnread: () => log.resultUnread(key),
    onLeft: () => request?.leave(),
  };
  const isSent = request?.response !== undefined && isStreamed(result);
  if (!isSent && request?.isResponseOpen !== true) return followResult(result, lease, listener);
  const sent = request.responseEnded;
  const lasting = isSent ? followSent(result, lease, sent, listener) : followResult(result, lease, listener);
  const ended = Promise.all([lasting?.ended, sent]).then(() => undefined);
  return { value: lasting === undefined ? result : lasting.value, ended };
}

/** The method has thrown, or its lease was lost. One that it gave away was not lost. */
async function fail(plan: MethodPlan, lease: Lease, error: unknown, log: LockLog): Promise<never> {
  if (!(error instanceof LeaseLostError) || lease.remainingMs() > 0) throw error;
  if (!isGivenAway(error)) log.lostWhileRunning(error);
  throw toException(error, plan.caller);
}

/**
 * The body did not run. Resolves only where nobody needs to be told but the log, or where it is to run
 * without the lock.
 */
async function refuse(call: LockedCall, refusal: unknown, log: LockLog): Promise<unknown> {
  const { plan, key, args, locked, instance } = call;
  const error: unknown = refusal instanceof NotRun ? refusal.cause : refusal;
  if (refusal instanceof NotRun && call.byScheduler && log.tickNotRun(key, refusal.reason)) return undefined;
  if (!isAcquireFailure(error)) throw error;
  if (plan.onUnavailable === 'run' && error instanceof QuorumUnreachableError) {
    log.runsUnlocked(key);
    return locked.original.apply(instance, args);
  }
  if (isSkipped(call, error)) {
    log.skipped(key, error, isManual(call));
    return undefined;
  }
  if (plan.caller !== 'none') log.requestFailed(key, error);
  if (plan.caller === 'queue') await refuseJob(args, error);
  if (plan.isScheduled && plan.caller === 'none') throw withoutFrames(error);
  throw toException(error, plan.caller);
}

/** Whether somebody started a job with a schedule by hand. */
const isManual = ({ plan, byScheduler }: LockedCall): boolean => plan.cron !== undefined && !byScheduler;

/** Whether a call that is not run resolves, and the log tells why. */
function isSkipped({ plan, byScheduler }: LockedCall, error: AcquireFailure): boolean {
  // Nothing is wrong, and the scheduler needs no answer, whatever a caller of the method would get.
  const isNoFault =
    error instanceof LockManagerClosedError ||
    (error instanceof LockNotAcquiredError && error.reason === 'already_ran');
  if (byScheduler && isNoFault) return true;
  // A job of a queue that is not run for any other reason would be taken for completed.
  if (plan.caller === 'queue')
    return plan.onHeld === 'skip' && error instanceof LockNotAcquiredError && error.reason === 'held';
  if (error instanceof LockNotAcquiredError) return plan.onHeld === 'skip';
  // During the shutdown nothing is run any more.
  if (plan.onUnavailable === 'run') return plan.onHeld === 'skip' && plan.caller === 'none';
  return plan.onUnavailable === 'skip';
}
