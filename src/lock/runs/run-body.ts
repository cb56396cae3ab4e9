import { LeaseLostError, RunTimeoutError } from '../../api/errors.js';
import type { RunOutcome } from '../../api/events.js';
import type { Lease } from '../../api/lease.js';
import type { CurrentRun } from '../../api/run.js';
import { onAbort } from '../lease/abort-listeners.js';
import { isTransferred, runShared, type SharedRuns } from '../lease/current-lease.js';
import type { HeldLease } from '../lease/held-lease.js';
import type { ResolvedRun } from '../validation/run-options.js';
import { runAs } from './current-run.js';
import { noteOf } from './run-note.js';
import { wallMs, type RunContext } from './run-context.js';

export type RunRoutine<T> = (run: CurrentRun, lease: Lease) => T | PromiseLike<T>;

/**
 * One run under its lease: its timeout, its events, and whether its end is recorded. Settles like the routine
 * when the lease is released.
 */
export async function runBody<T>(
  context: RunContext,
  held: HeldLease,
  { tick, nextTick, policy, acquire }: ResolvedRun,
  routine: RunRoutine<T>,
): Promise<T> {
  const { clock, events, worker, manager } = context;
  const { id, name, resources, tokenIfAny: token, attempt } = held;
  const latenessMs = tick === undefined ? 0 : Math.max(0, wallMs(context) - tick);
  const about = { id, name, resources, attempt, token, worker, latenessMs };
  const stop = new AbortController();
  const unlisten = followCaller(acquire.signal, stop);
  const timers = [
    policy.timeoutMs === undefined
      ? undefined
      : clock.setTimer(() => stop.abort(new RunTimeoutError(resources, policy.timeoutMs!)), policy.timeoutMs),
    tick === undefined || nextTick === undefined
      ? undefined
      : clock.setTimer(
          () => events.emit({ ...about, type: 'run_overrun', tick, nextTick }),
          Math.max(0, nextTick - wallMs(context)),
          'background',
        ),
  ];
  const since = clock.now();
  if (tick !== undefined) events.emit({ ...about, type: 'run_started', tick });

  const runs: SharedRuns = { lease: held, manager, count: 0, finish: true, tick };
  let outcome: RunOutcome = 'succeeded';
  let durationMs = 0;
  let thrown: unknown;
  const startedAt = wallMs(context);
  /** Goes to the nodes with the release, which comes next. */
  const note = (): void => {
    if (tick === undefined || attempt === undefined || token === undefined) return;
    const ended = outcome === 'succeeded' && isLost(held) ? 'lost' : outcome;
    const times = { startedAt, endedAt: wallMs(context) };
    held.note = noteOf({ tick, attempt, token, worker, ...times, outcome: ended }, thrown, policy.history);
  };
  const body = async (lease: Lease): Promise<T> => {
    const run: CurrentRun = { tick, attempt, lateMs: latenessMs, token, signal: lease.signal };
    let hasReturned = false;
    try {
      const value = await runAs(run, () => routine(run, lease));
      hasReturned = true;
      if (stop.signal.reason instanceof RunTimeoutError) throw stop.signal.reason;
      return value;
    } catch (error) {
      const timeout: unknown = stop.signal.reason;
      thrown = timeout instanceof RunTimeoutError ? timeout : (error ?? String(error));
      if (isLost(held)) {
        outcome = 'lost';
        // Work that was cut off by the loss is abandoned: the policy says whether it is run again.
        runs.finish = hasReturned || policy.abandoned === 'leave';
        throw error;
      }
      outcome = timeout instanceof RunTimeoutError ? 'timed_out' : 'failed';
      runs.finish = !policy.retryOnError;
      if (!(timeout instanceof RunTimeoutError) || timeout === error) throw error;
      throw new RunTimeoutError(timeout.resources, timeout.timeoutMs, { cause: error });
    } finally {
      durationMs = clock.now() - since;
      note();
      for (const timer of timers) timer?.cancel();
      unlisten?.();
    }
  };
  try {
    return await runShared(runs, held, stop.signal, body);
  } catch (error) {
    if (error instanceof LeaseLostError && isLost(held)) outcome = 'lost';
    throw error;
  } finally {
    const tell = (ended: RunOutcome): void => {
      if (tick === undefined)
        events.emit({ id, name, resources, token, worker, type: 'manual_run', outcome: ended, durationMs });
      else events.emit({ ...about, type: 'run_finished', tick, nextTick, outcome: ended, durationMs });
    };
    if (outcome === 'succeeded' && tick !== undefined) {
      // Nobody waits for this: it may take as long as no majority of the nodes can be reached.
      void held.finished().then((isRecorded) => tell(isRecorded ? 'succeeded' : 'lost'));
    } else tell(outcome);
  }
}

/** A lease that a run by hand gave away is over, too, but was not lost. */
const isLost = (held: HeldLease): boolean =>
  !isTransferred(held) && (held.signal.aborted || held.remainingMs() <= 0);

/** Nobody waits for the result any more: the run is told so. */
function followCaller(caller: AbortSignal | undefined, stop: AbortController): (() => void) | undefined {
  if (caller?.aborted) stop.abort(caller.reason);
  return caller && onAbort(caller, () => stop.abort(caller.reason));
}
