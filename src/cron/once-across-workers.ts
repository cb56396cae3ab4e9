import { format } from 'node:util';
import {
  assertRunOptions,
  type CurrentRun,
  type LockManager,
  type RunOnceOptions,
  type RunResult,
  type TickSchedule,
} from '../index.js';
import {
  cronerSchedule,
  cronJobSchedule,
  watchStops,
  type CronerLike,
  type CronJobLike,
} from './schedules.js';

export type { CronerLike, CronJobLike };

/** The options of `onceAcrossWorkers`: those of `runOnce`, which gets the tick from the job. */
export interface AcrossWorkersOptions extends Omit<RunOnceOptions, 'tick' | 'nextTick'> {
  /**
   * Hears every error of a run that nobody waits for: what the job threw, a lost lease, a timeout, and that
   * no majority of the nodes could be reached.
   * @default the error handler of the job, else a warning of the process
   */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** A job that runs once across all workers. */
export interface AcrossWorkers {
  readonly schedule: TickSchedule;
  /** Looks now for a tick that was missed or abandoned, as `TickWatch` does. */
  look(): Promise<void>;
  /** Ends the look for missed and abandoned ticks. The job itself is stopped by its own package. */
  stop(): void;
}

/**
 * Makes a job of the package cron or croner run each scheduled time on one of all workers, by the policies
 * of `runOnce`. What the job's timer starts has a tick; `job.fireOnTick()` and `job.trigger()` by hand are
 * manual runs. Call it before the job is started, once for each job.
 *
 * A CronJob keeps its own callbacks, and waits for them from now on (`waitForCompletion`). A job of croner is
 * made without a function, and gets it here.
 *
 * ```ts
 * const job = new CronJob('0 2 * * *', () => bill(), null, false, 'Europe/Berlin');
 * onceAcrossWorkers(locks, job, { key: 'nightly', missed: 'once' });
 * job.start();
 *
 * onceAcrossWorkers(locks, new Cron('0 2 * * *', { timezone: 'Europe/Berlin' }), { key: 'nightly' }, bill);
 * ```
 *
 * @throws TypeError when the job is none of these two, and for a bad option, like `runOnce`.
 */
export function onceAcrossWorkers(
  locks: LockManager,
  job: CronJobLike,
  options: AcrossWorkersOptions,
): AcrossWorkers;
export function onceAcrossWorkers(
  locks: LockManager,
  job: CronerLike,
  options: AcrossWorkersOptions,
  routine: (run: CurrentRun) => unknown,
): AcrossWorkers;
export function onceAcrossWorkers(
  locks: LockManager,
  job: CronJobLike | CronerLike,
  options: AcrossWorkersOptions,
  routine?: (run: CurrentRun) => unknown,
): AcrossWorkers {
  if (typeof (locks as Partial<LockManager> | undefined)?.runOnce !== 'function')
    throw new TypeError('onceAcrossWorkers takes a LockManager, then the job');
  if (isCronJob(job)) {
    if (routine !== undefined)
      throw new TypeError('onceAcrossWorkers: a CronJob has its own function: leave out the last argument');
    return wrapCronJob(locks, job, options);
  }
  if (isCroner(job)) {
    if (typeof routine !== 'function') {
      throw new TypeError('onceAcrossWorkers takes the function of a croner job as its last argument');
    }
    return scheduleCroner(locks, job, options, routine);
  }
  throw new TypeError(
    'onceAcrossWorkers takes a CronJob of the package cron (4.3 or newer), or a Cron of croner',
  );
}

const isCronJob = (job: unknown): job is CronJobLike => {
  const like = job as Partial<CronJobLike> | null | undefined;
  return typeof like?.fireOnTick === 'function' && typeof like.cronTime?.getNextDateFrom === 'function';
};

const isCroner = (job: unknown): job is CronerLike => {
  const like = job as Partial<CronerLike> | null | undefined;
  return typeof like?.nextRun === 'function' && typeof like.schedule === 'function';
};

/** The callbacks of the job, and what they threw: the job gives it to its error handler and goes on. */
function callbacksOf(job: CronJobLike): () => Promise<void> {
  const fireOnTick = job.fireOnTick.bind(job);
  job.waitForCompletion = true;
  return async () => {
    const { errorHandler } = job;
    let failure: { readonly error: unknown } | undefined;
    job.errorHandler = (error) => (failure ??= { error });
    try {
      await fireOnTick();
    } finally {
      job.errorHandler = errorHandler;
    }
    if (failure !== undefined) throw failure.error;
  };
}

/**
 * Marks a job of the package cron that has been wrapped: a second time, one run would be in two locks. The
 * mark is seen by another copy of this module, and by quorlock/nestjs, which does not warn of such a job.
 */
const WRAPPED = Symbol.for('quorlock:across-workers');

function wrapCronJob(locks: LockManager, job: CronJobLike, options: AcrossWorkersOptions): AcrossWorkers {
  checkOptions(options);
  if (WRAPPED in job) throw new Error('onceAcrossWorkers has this job already: call it once for each job');
  const callbacks = callbacksOf(job);
  const hear = (): ErrorListener | undefined => job.errorHandler ?? undefined;
  const runs = new JobRuns(locks, options, cronJobSchedule(job), watchStops(job), callbacks, hear);
  let lastDate = job.lastDate();
  job.fireOnTick = () => {
    // The timer of the job writes the date before it fires.
    const byTimer = job.lastDate() !== lastDate;
    lastDate = job.lastDate();
    return byTimer ? runs.scheduled() : runs.byHand();
  };
  Object.defineProperty(job, WRAPPED, { value: true });
  return runs;
}

function scheduleCroner(
  locks: LockManager,
  job: CronerLike,
  options: AcrossWorkersOptions,
  routine: (run: CurrentRun) => unknown,
): AcrossWorkers {
  checkOptions(options);
  // It throws where the job has a function already. Then nothing else is done.
  job.schedule(() => runs.scheduled());
  const runs = new JobRuns(locks, options, cronerSchedule(job), watchStops(job), routine, () => undefined);
  // The timers of croner do not call `trigger`.
  job.trigger = () => runs.byHand();
  return runs;
}

/** A mistake is told at once, not at the first tick. */
function checkOptions(options: AcrossWorkersOptions): void {
  const { onError, ...run } = (options as AcrossWorkersOptions | undefined) ?? {};
  assertRunOptions(run as RunOnceOptions, 'onceAcrossWorkers');
  if (onError !== undefined && typeof onError !== 'function')
    throw new TypeError(`onError must be a function, got ${typeof onError}`);
}

const warn = (error: unknown): void =>
  process.emitWarning(error instanceof Error ? error : format('%s', error), 'QuorlockWarning');

/** It may be async. */
type ErrorListener = (error: unknown) => unknown;

/** The runs of one job. Nobody waits for their result: errors are reported. */
class JobRuns implements AcrossWorkers {
  readonly #options: Omit<RunOnceOptions, 'tick' | 'nextTick'>;
  readonly #onError: ErrorListener | undefined;
  readonly #watch: ReturnType<LockManager['watchTicks']>;

  constructor(
    private readonly locks: LockManager,
    given: AcrossWorkersOptions,
    readonly schedule: TickSchedule,
    isStopped: () => boolean,
    private readonly routine: (run: CurrentRun) => unknown,
    /** The error handler of the job, if it has one. */
    private readonly handlerOfJob: () => ErrorListener | undefined,
  ) {
    const { onError, ...options } = given;
    this.#options = options;
    this.#onError = onError;
    const { key, name, missed, abandoned, attempts, spreadMs } = options;
    const isLate = missed === 'once' || abandoned === 'retry';
    const maxLatenessMs = isLate ? options.maxLatenessMs : undefined;
    // A job that somebody stopped may have been replaced: its ticks are neither due nor missed.
    const whileOn: TickSchedule = {
      latest: (atMs) => (isStopped() ? undefined : schedule.latest(atMs)),
      next: (afterMs) => (isStopped() ? undefined : schedule.next(afterMs)),
    };
    const watched = { key, name, schedule: whileOn, missed, maxLatenessMs, abandoned, attempts, spreadMs };
    this.#watch = locks.watchTicks(watched, (tick) => (isStopped() ? undefined : this.#run(tick)));
  }

  /** The timer of the job has fired. */
  scheduled(): Promise<void> {
    return this.#reported(async () => {
      const tick = this.schedule.latest(Date.now());
      if (tick !== undefined) await this.#runOnce(tick);
    });
  }

  byHand(): Promise<void> {
    return this.#reported(() => this.locks.runOnce({ ...this.#options, tick: 'manual' }, this.routine));
  }

  look(): Promise<void> {
    return this.#watch.look();
  }

  stop(): void {
    this.#watch.stop();
  }

  #run(tick: number): Promise<void> {
    return this.#reported(() => this.#runOnce(tick));
  }

  #runOnce(tick: number): Promise<RunResult<unknown>> {
    const nextTick = this.schedule.next(tick);
    return this.locks.runOnce({ ...this.#options, tick, nextTick }, this.routine);
  }

  /** The schedule may throw as well as the run: nobody else would hear of it. */
  async #reported(run: () => Promise<unknown>): Promise<void> {
    try {
      await run();
    } catch (error) {
      if (!this.locks.closed) await this.#report(error);
    }
  }

  /** Nobody waits for what a listener does: what goes wrong in it is a warning. */
  async #report(error: unknown): Promise<void> {
    try {
      await (this.#onError ?? this.handlerOfJob() ?? warn)(error);
    } catch (failure) {
      warn(failure);
    }
  }
}
