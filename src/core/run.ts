/**
 * What a node knows of the latest tick of a resource.
 *
 * @example
 * { tick: 1_791_812_340_000, attempt: 1, state: 'started' }
 */
export interface RunRecord {
  /** The scheduled time of the run, in milliseconds since the Unix epoch. */
  readonly tick: number;
  /** How often the tick has been started, as far as the node knows. 0: unknown, version 0.1 recorded it. */
  readonly attempt: number;
  readonly state: RunState;
}

/**
 * - `started`: a run of the tick may have begun, and has not been recorded as ended.
 * - `finished`: the tick has been run. It is never run again.
 * - `open`: the one that recorded the start took it back before its run began. Anybody may run the tick.
 */
export type RunState = 'started' | 'finished' | 'open';

/** More attempts to run a tick than that nobody makes. */
export const MOST_ATTEMPTS = 2 ** 31 - 1;

/**
 * Whether a node's record allows one more attempt. A number that does not was not made by counting. It would
 * spread to all nodes with the next attempt, and none of them could count it up any more.
 */
export const isPossibleAttempt = (attempt: unknown): attempt is number =>
  Number.isInteger(attempt) && Number(attempt) >= 0 && Number(attempt) < MOST_ATTEMPTS;

/** The complaint about such a number; `where` names the resources. */
export const impossibleAttempt = (where: string): string =>
  `the attempt on record for the tick of ${where} is higher than anybody counts: was it set by hand?`;

/** One attempt to run a tick. */
export interface RunMark {
  readonly tick: number;
  /** From 1. */
  readonly attempt: number;
}

/**
 * Whether the record refuses a claim of this tick. `retry` also claims a tick that was started and not
 * finished, for the case that its worker is dead.
 */
export function refusesRun(record: RunRecord | undefined, tick: number, retry: boolean): boolean {
  if (record === undefined || record.tick < tick) return false;
  if (record.tick > tick || record.state === 'finished') return true;
  return record.state === 'started' && !retry;
}

/**
 * How far ahead of a node's time a tick can be, in milliseconds. Workers' clocks may be up to 40 seconds off.
 * A tick that is further ahead comes from a clock that is wrong, and would refuse all ticks until it is due.
 *
 * A tick may be on record so long before it is due. So a node that lost its memory votes for no tick that is
 * due less than this after its memory began, nor less than one quarantine: version 0.1 knows no such bound.
 */
export const TICK_AHEAD_MS = 60_000;

/**
 * The latest instant at which a run can have succeeded by the time of a node, both in milliseconds. A later
 * one comes from a worker whose clock is wrong, or was set by hand. It would hide that a job fails.
 */
export const latestSuccessMs = (nodeMs: number): number => nodeMs + TICK_AHEAD_MS;

/** The error of a tick that is further ahead. */
export const TICK_TOO_FAR_AHEAD =
  "the tick is further ahead of the node's time than clocks may differ: is the clock of this machine right?";

/** Why a node never votes for a tick. */
export const TICK_FORGOTTEN = 'the node lost its memory after this tick was due, or shortly before';

/** How a node answers to the finish of a run, which has no deadline and may come late or twice. */
export type FinishAnswer = 'write' | 'known' | 'refuse';

/**
 * - `write`: the node writes that the tick is finished, and acknowledges it.
 * - `known`: the tick is finished already, or a later one is on record: acknowledged, nothing is written.
 * - `refuse`: a later attempt is on record, which may be running. Not acknowledged.
 */
export function finishAnswer(record: RunRecord | undefined, { tick, attempt }: RunMark): FinishAnswer {
  if (record === undefined || record.tick < tick) return 'write';
  if (record.tick > tick || record.state === 'finished') return 'known';
  return record.attempt > attempt ? 'refuse' : 'write';
}

/** Whether taking this mark back opens the tick: the mark is the one on record, and its run has not ended. */
export const isTakenBack = (record: RunRecord | undefined, { tick, attempt }: RunMark): boolean =>
  record?.tick === tick && record.attempt === attempt && record.state === 'started';

/** The one of two records that says more: the later tick, then the ended run, then the later attempt. */
export function laterRun(one: RunRecord | undefined, other: RunRecord | undefined): RunRecord | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  if (one.tick !== other.tick) return one.tick > other.tick ? one : other;
  if (one.state !== other.state) return ORDER[one.state] > ORDER[other.state] ? one : other;
  return one.attempt >= other.attempt ? one : other;
}

const ORDER: Readonly<Record<RunState, number>> = { open: 0, started: 1, finished: 2 };
