import { LeaseLostError, RunTimeoutError } from '../../api/errors.js';
import type { LockEvent, RunOutcome } from '../../api/events.js';
import type { Lease } from '../../api/lease.js';
import type { CurrentRun } from '../../api/run.js';
import type { Timer } from '../../clock.js';
import { onAbort } from '../lease/abort-listeners.js';
import { isTransferred, runShared, type SharedRuns } from '../lease/current-lease.js';
import type { HeldLease } from '../lease/held-lease.js';
import type { ResolvedRun } from '../validation/run-options.js';
import { runAs, runUnder } from './current-run.js';
import { noteOf } from './run-note.js';
import { wallMs, type RunContext } from './run-context.js';

export type RunRoutine<T> = (run: CurrentRun, lease: Lease) => T | PromiseLike<T>;

/**
 * One run under its lease: its timeout, its events, and whether its end is recorded. Settles like the routine
 * when the lease is released.
 */
export const runBody = <T>(
  context: RunContext,
  held: HeldLease,
  resolved: ResolvedRun,
  routine: RunRoutine<T>,
): Promise<T> => new RunBody(context, held, resolved, routine).run();

class RunBody<T> {
  readonly #context: RunContext;
  readonly #held: HeldLease;
  readonly #resolved: ResolvedRun;
  readonly #routine: RunRoutine<T>;
  /** What the events of a run with a tick have in common. */
  readonly #about: Omit<Extract<LockEvent, { readonly type: 'run_started' }>, 'type' | 'tick'>;
  /** Aborts when the caller's signal does, and at the timeout. */
  readonly #stop = new AbortController();
  readonly #runs: SharedRuns;
  #outcome: RunOutcome = 'succeeded';
  #durationMs = 0;
  /** What the routine threw, or the timeout that cut it off. */
  #thrown: unknown;

  constructor(context: RunContext, held: HeldLease, resolved: ResolvedRun, routine: RunRoutine<T>) {
    this.#context = context;
    this.#held = held;
    this.#resolved = resolved;
    this.#routine = routine;
    const { tick } = resolved;
    const { id, name, resources, tokenIfAny: token, attempt } = held;
    const latenessMs = tick === undefined ? 0 : Math.max(0, wallMs(context) - tick);
    this.#about = { id, name, resources, attempt, token, worker: context.worker, latenessMs };
    this.#runs = { lease: held, manager: context.manager, count: 0, finish: true, tick };
  }

  async run(): Promise<T> {
    const { clock, events } = this.#context;
    const { tick, acquireOptions } = this.#resolved;
    const unlisten = followCaller(acquireOptions.signal, this.#stop);
    const timers = [this.#setTimeout(), this.#setOverrunTimer()];
    const since = clock.now();
    if (tick !== undefined) events.emit({ ...this.#about, type: 'run_started', tick });
    const startedAt = wallMs(this.#context);
    try {
      return await runShared(this.#runs, this.#held, this.#stop.signal, (lease) =>
        this.#perform(lease).finally(() => {
          this.#durationMs = clock.now() - since;
          this.#note(startedAt);
          for (const timer of timers) timer?.cancel();
          unlisten?.();
        }),
      );
    } catch (error) {
      if (error instanceof LeaseLostError && isLost(this.#held)) this.#outcome = 'lost';
      throw error;
    } finally {
      this.#tellEnd();
    }
  }

  get #timeout(): RunTimeoutError | undefined {
    const reason: unknown = this.#stop.signal.reason;
    return reason instanceof RunTimeoutError ? reason : undefined;
  }

  #setTimeout(): Timer | undefined {
    const { timeoutMs } = this.#resolved.policy;
    if (timeoutMs === undefined) return undefined;
    const { resources } = this.#about;
    const stop = (): void => this.#stop.abort(new RunTimeoutError(resources, timeoutMs));
    return this.#context.clock.setTimer(stop, timeoutMs);
  }

  #setOverrunTimer(): Timer | undefined {
    const { clock, events } = this.#context;
    const { tick, nextTick } = this.#resolved;
    if (tick === undefined || nextTick === undefined) return undefined;
    const tell = (): void => events.emit({ ...this.#about, type: 'run_overrun', tick, nextTick });
    return clock.setTimer(tell, Math.max(0, nextTick - wallMs(this.#context)), 'background');
  }

  /** Runs the routine, and takes note of how it ended. `lease` is the lease as it sees it. */
  async #perform(lease: Lease): Promise<T> {
    const { attempt, token, latenessMs: lateMs } = this.#about;
    const { tick } = this.#resolved;
    const run = runUnder(lease, { tick, attempt, lateMs, token });
    let hasReturned = false;
    try {
      const value = await runAs(run, () => this.#routine(run, lease));
      hasReturned = true;
      if (this.#timeout !== undefined) throw this.#timeout;
      return value;
    } catch (error) {
      throw this.#onError(error, hasReturned);
    }
  }

  /** Decides the outcome of a run that did not succeed. Returns the error that its caller gets. */
  #onError(error: unknown, hasReturned: boolean): unknown {
    const { policy } = this.#resolved;
    const timeout = this.#timeout;
    this.#thrown = timeout ?? error ?? String(error);
    if (isLost(this.#held)) {
      this.#outcome = 'lost';
      // Work that was cut off by the loss is abandoned: the policy says whether it is run again.
      this.#runs.finish = hasReturned || policy.abandoned === 'leave';
      return error;
    }
    this.#outcome = timeout === undefined ? 'failed' : 'timed_out';
    this.#runs.finish = !policy.retryOnError;
    if (timeout === undefined || timeout === error) return error;
    return new RunTimeoutError(timeout.resources, timeout.timeoutMs, { cause: error });
  }

  /** Notes the run on the lease. The nodes get the note with the release, which comes next. */
  #note(startedAt: number): void {
    const { attempt, token, worker } = this.#about;
    const { tick, policy } = this.#resolved;
    if (tick === undefined || attempt === undefined || token === undefined) return;
    const outcome = this.#outcome === 'succeeded' && isLost(this.#held) ? 'lost' : this.#outcome;
    const endedAt = wallMs(this.#context);
    const ended = { tick, attempt, token, worker, startedAt, endedAt, outcome };
    this.#held.note = noteOf(ended, this.#thrown, policy.history);
  }

  #tellEnd(): void {
    if (this.#outcome !== 'succeeded' || this.#resolved.tick === undefined) this.#emitEnd(this.#outcome);
    // Nobody waits for this: it may take as long as no majority of the nodes can be reached.
    else void this.#held.finished().then((isRecorded) => this.#emitEnd(isRecorded ? 'succeeded' : 'lost'));
  }

  #emitEnd(outcome: RunOutcome): void {
    const { events } = this.#context;
    const { tick, nextTick } = this.#resolved;
    const durationMs = this.#durationMs;
    if (tick !== undefined) {
      events.emit({ ...this.#about, type: 'run_finished', tick, nextTick, outcome, durationMs });
      return;
    }
    const { id, name, resources, token, worker } = this.#about;
    events.emit({ id, name, resources, token, worker, type: 'manual_run', outcome, durationMs });
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
