/**
 * What a worker does about a scheduled run: at the tick, when it is refused, and when it looks later. Times
 * are epoch milliseconds of the worker's wall clock.
 */
import type { RunRecord } from './run.js';

/** The instants of a schedule, the same on every worker. */
export interface TickSchedule {
  /** The latest tick at or before an instant; `undefined` if there is none. */
  latest(atMs: number): number | undefined;
  /** The first tick after an instant; `undefined` if there is none any more. */
  next(afterMs: number): number | undefined;
}

/** What becomes of ticks that did not run as planned. */
export interface RunPolicy {
  /** `once`: the latest tick that no worker started is run late. Never a backlog. */
  readonly missed: 'skip' | 'once';
  /** How long after its tick a run may begin; `undefined`: half the distance to the next tick. */
  readonly maxLatenessMs: number | undefined;
  /** `retry`: a tick whose worker died is run again. */
  readonly abandoned: 'leave' | 'retry';
  /** How often a tick is started at most. */
  readonly attempts: number;
  /** What a tick does while the run of an earlier one goes on. */
  readonly overlap: 'skip' | 'wait';
  /** How long a worker waits at most before it asks. */
  readonly spreadMs: number;
}

/** Until when a run of this tick may begin. `next`: the tick after it, if that is known. */
export function latestStartMs(tick: number, next: number | undefined, policy: RunPolicy): number {
  const { maxLatenessMs } = policy;
  if (maxLatenessMs !== undefined) return tick + maxLatenessMs;
  return next === undefined ? Number.POSITIVE_INFINITY : tick + Math.floor((next - tick) / 2);
}

/** What a worker does when it looks: at the start, and when a quorum is back. */
export type DueRun =
  /** Ask for this tick. */
  | { readonly kind: 'run'; readonly tick: number; readonly why: 'missed' | 'abandoned' }
  /** This tick did not run, or did not end, and is not run any more. */
  | {
      readonly kind: 'missed' | 'abandoned';
      readonly tick: number;
      readonly why: 'policy' | 'too_late' | 'attempts';
    }
  | {
      readonly kind: 'nothing';
      readonly why: 'not_due' | 'first_deployment' | 'finished' | 'later_tick' | 'may_still_run';
    };

const NOTHING = (why: Extract<DueRun, { kind: 'nothing' }>['why']): DueRun => ({ kind: 'nothing', why });

/** For how long after its tick the timers of other workers may still start it: their clocks differ. */
const CLOCKS_DIFFER_MS = 60_000;

/**
 * Compares what the nodes know with the latest due tick. Nothing is caught up on a first deployment, where
 * they know nothing. Only the latest due tick is run; an earlier one that was abandoned is run again only
 * where the latest one is not run.
 */
export function dueRun(
  nowMs: number,
  schedule: TickSchedule,
  known: RunRecord | undefined,
  policy: RunPolicy,
): DueRun {
  const tick = schedule.latest(nowMs);
  if (tick === undefined) return NOTHING('not_due');
  if (known === undefined) return NOTHING('first_deployment');
  if (known.tick > tick) return NOTHING('later_tick');
  const isLatest = known.tick === tick;
  if (isLatest && known.state === 'finished') return NOTHING('finished');
  if (isLatest && known.state === 'started') return dueRetry(nowMs, schedule.next(tick), known, policy);

  const next = schedule.next(tick);
  const isInTime = nowMs <= latestStartMs(tick, next, policy);
  if (policy.missed === 'once' && isInTime) return { kind: 'run', tick, why: 'missed' };
  if (known.state === 'started' && !isLatest) {
    const earlier = dueRetry(nowMs, schedule.next(known.tick), known, policy);
    if (earlier.kind === 'run') return earlier;
  }
  if (nowMs <= tick + graceMs(tick, next, policy)) return NOTHING('may_still_run');
  return { kind: 'missed', tick, why: policy.missed === 'skip' ? 'policy' : 'too_late' };
}

/** How long after a tick it does not count as missed yet: another worker may be about to start it. */
function graceMs(tick: number, next: number | undefined, { spreadMs }: RunPolicy): number {
  const half = next === undefined ? CLOCKS_DIFFER_MS : Math.floor((next - tick) / 2);
  return Math.min(CLOCKS_DIFFER_MS, half) + spreadMs;
}

/** A tick that was started and has not ended. Its lock key tells whether its worker is alive. */
function dueRetry(nowMs: number, next: number | undefined, known: RunRecord, policy: RunPolicy): DueRun {
  const { tick, attempt } = known;
  const not = (why: 'policy' | 'attempts' | 'too_late'): DueRun => ({ kind: 'abandoned', tick, why });
  if (policy.abandoned === 'leave') return not('policy');
  if (attempt >= policy.attempts) return not('attempts');
  return nowMs <= latestStartMs(tick, next, policy)
    ? { kind: 'run', tick, why: 'abandoned' }
    : not('too_late');
}

/** A tick that did not run, or did not end, and is not run any more. */
export type TickNotRun = Extract<DueRun, { readonly kind: 'missed' | 'abandoned' }>;

/**
 * The run on record, where it has not ended and is left so if nobody has its lock; `undefined` where there is
 * none, and where it is run again. A later tick may be due: whoever was to start it may have been refused
 * because of this one.
 */
export function runLeft(
  nowMs: number,
  schedule: TickSchedule,
  known: RunRecord | undefined,
  policy: RunPolicy,
): TickNotRun | undefined {
  if (known?.state !== 'started') return undefined;
  const due = dueRetry(nowMs, schedule.next(known.tick), known, policy);
  return due.kind === 'abandoned' ? due : undefined;
}

/**
 * The first tick that has not run to its end: it may be past. `undefined`: the schedule has no more ticks.
 */
export function firstOpenTick(
  nowMs: number,
  schedule: TickSchedule,
  known: RunRecord | undefined,
): number | undefined {
  if (known === undefined) return schedule.next(nowMs);
  return known.state === 'finished' ? schedule.next(known.tick) : known.tick;
}

/** Why a worker did not get a tick. */
export type RunRefusal =
  /** Somebody has the lock; `runs`: what, as far as is known. */
  | { readonly kind: 'held'; readonly runs: 'this_tick' | 'something_else' }
  /** `known`: what the nodes know; `undefined`: a worker of an earlier version ran it. */
  | { readonly kind: 'already_ran'; readonly known: RunRecord | undefined }
  /** Too few nodes answered, or the votes stayed split. */
  | { readonly kind: 'no_majority' }
  /** So many nodes have forgotten whether it ran that there will never be a majority for it. */
  | { readonly kind: 'forgotten' };

/** Why a tick is not run by a worker that asked for it. */
export type NotRunReason =
  'held' | 'overlap' | 'finished' | 'later_tick' | 'abandoned' | 'attempts' | 'too_late';

/** What a worker does that was refused. */
export type NextStep =
  /** Wait until the lock is free, and ask again; `retry`: also for a tick that was started. */
  | { readonly kind: 'wait'; readonly retry: boolean }
  /** Ask again at once, also for a tick that was started. */
  | { readonly kind: 'retry' }
  /** Ask again after a pause. */
  | { readonly kind: 'again' }
  /** The call fails, as it would without a policy. */
  | { readonly kind: 'fail' }
  | { readonly kind: 'stop'; readonly why: NotRunReason };

const STOP = (why: NotRunReason): NextStep => ({ kind: 'stop', why });

/** Decides what follows a refusal. `isInTime`: whether a run of the tick may still begin. */
export function afterRefusal(
  tick: number,
  refusal: RunRefusal,
  isInTime: boolean,
  policy: RunPolicy,
): NextStep {
  const retry = policy.abandoned === 'retry';
  switch (refusal.kind) {
    case 'held': {
      const isSame = refusal.runs === 'this_tick';
      if (isSame && !retry) return STOP('held');
      if (!isSame && policy.overlap === 'skip') return STOP('overlap');
      return isInTime ? { kind: 'wait', retry } : STOP('too_late');
    }
    case 'already_ran': {
      const { known } = refusal;
      if (known === undefined) return STOP('finished');
      if (known.tick > tick) return STOP('later_tick');
      if (known.state === 'finished') return STOP('finished');
      if (!retry) return STOP('abandoned');
      if (known.attempt >= policy.attempts) return STOP('attempts');
      return isInTime ? { kind: 'retry' } : STOP('too_late');
    }
    case 'forgotten':
      return { kind: 'fail' };
    case 'no_majority':
      return policy.missed === 'once' && isInTime ? { kind: 'again' } : { kind: 'fail' };
  }
}
