import {
  LeaseLostError,
  LockManagerClosedError,
  LockNotAcquiredError,
  QuorumUnreachableError,
  type NotRunReason,
} from '../../index.js';
import { FailureStreaks } from './failure-streaks.js';
import type { LineLogger } from './module-logger.js';

/** The errors of a call that did not get its lock. */
export type AcquireFailure = LockNotAcquiredError | QuorumUnreachableError | LockManagerClosedError;

export const isAcquireFailure = (error: unknown): error is AcquireFailure =>
  error instanceof LockNotAcquiredError ||
  error instanceof QuorumUnreachableError ||
  error instanceof LockManagerClosedError;

/** How many methods a line names. */
const MOST_METHODS = 5;

/** The line about a tick that its policy keeps from running. */
const NOT_RUN: Readonly<Partial<Record<NotRunReason, string>>> = {
  overlap: 'Skipping execution - the run of an earlier tick goes on',
  abandoned: 'Skipping execution - the worker that started this tick died',
  attempts: 'Skipping execution - this tick was started as often as attempts allows',
  too_late: 'Skipping execution - this tick may not begin any more',
};

/**
 * The log lines of decorated methods and handlers. `Lock acquired` and `lock held by another instance` are
 * the guide's, word for word, and so is the context: users search for lines that begin with
 * `[DistributedLock]`.
 */
export class LockLog {
  readonly #logger: LineLogger;
  /** The calls for which no majority could be reached. */
  readonly #unreachable = new FailureStreaks();

  /** The logger has the context `DistributedLock`. */
  constructor(logger: LineLogger) {
    this.#logger = logger;
  }

  /** `isManual`: the method has a schedule, and somebody else than the scheduler called it. */
  acquired(key: string, attempts: number, isManual: boolean): void {
    this.#reachable(key);
    this.#logger.log(
      isManual
        ? `Lock acquired: ${key} (attempt ${attempts}, manual run)`
        : `Lock acquired: ${key} (attempt ${attempts})`,
    );
  }

  /** A tick that is not run here. Returns whether there was anything to say that `skipped` does not. */
  tickNotRun(key: string, reason: NotRunReason): boolean {
    const line = NOT_RUN[reason];
    if (line === undefined) return false;
    this.#reachable(key);
    this.#logger.warn(`${line}: ${key}`);
    return true;
  }

  /** A method that did not run, because `onHeld` is `'skip'`. */
  skipped(key: string, error: AcquireFailure, isManual: boolean): void {
    const run = isManual ? `${key} (manual run)` : key;
    if (error instanceof LockNotAcquiredError) this.#notAcquired(run, key, error);
    else if (error instanceof QuorumUnreachableError)
      this.#noMajority('Skipping execution - ', key, error, isManual ? ' (manual run)' : '');
    else this.#logger.log(`Skipping execution - shutting down: ${run}`);
  }

  /** A call without its lock that runs all the same, because `onUnavailable` is `'run'`. */
  runsUnlocked(key: string): void {
    const line = this.#unreachable.failed(key);
    const what = 'Running without the lock - no majority of the nodes';
    if (line.kind === 'first' || line.kind === 'also') this.#logger.warn(`${what}: ${key}`);
    if (line.kind === 'again') this.#logger.warn(`${what}, ${line.times} times in a row: ${key}`);
  }

  lostWhileRunning(error: LeaseLostError): void {
    this.#logger.error(`Lock lost while running, the run does not count as a success: ${error.message}`);
  }

  /** A request that failed by its lock. The client sees a status code only; the reason is for the log. */
  requestFailed(key: string, error: unknown): void {
    if (error instanceof QuorumUnreachableError) this.#noMajority('Lock not acquired: ', key, error);
    if (error instanceof LeaseLostError)
      this.#logger.error(`Lock lost while handling a request: ${error.message}`);
    if (error instanceof LockNotAcquiredError) this.#logger.debug(`Request refused - lock held: ${key}`);
  }

  /** A result that goes on after its method, such as an Observable, which nobody began to read. */
  resultUnread(key: string): void {
    this.#logger.warn(
      `Lock released: ${key}. The method gave an Observable, a stream or an async iterable, and nobody ` +
        'began to read it: its work does not run',
    );
  }

  noTick(method: string, job: string): void {
    this.#logger.warn(
      `${method} is called by the cron job "${job}" and has no tick, so several workers may run it for one ` +
        'scheduled time. Put @DistributedLock on the method with @Cron, or give this one a minHold',
    );
  }

  addedAtRunTime(job: string, methods: readonly string[]): void {
    const named = methods.slice(0, MOST_METHODS).join(', ');
    const more = methods.length > MOST_METHODS ? ` and ${methods.length - MOST_METHODS} more` : '';
    this.#logger.warn(
      `Cron job "${job}" was added at run time: a locked method that it calls has no tick, so several ` +
        `workers may run it for one scheduled time: ${named}${more}. Wrap the job with ` +
        'onceAcrossWorkers of quorlock/cron, or give the method a minHold',
    );
  }

  otherSchedule(method: string): void {
    this.#logger.warn(
      `${method} is fired at other times than its @Cron says, so it has no tick, and several workers may ` +
        'run it for one scheduled time. Set once: false, and give it a minHold',
    );
  }

  firedLate(method: string, lateMs: number): void {
    this.#logger.warn(
      `${method} was fired ${Math.round(lateMs / 1_000)} s after its scheduled time, and counts for that ` +
        'time: this process was suspended, or its event loop was blocked',
    );
  }

  /**
   * The guide tells its users to watch for the `held` line, so it has a level that is always printed.
   * `already_ran` is what all workers but one see at each tick of a short job, so it is a debug line.
   */
  #notAcquired(
    run: string,
    key: string,
    { reason, owner, retryAfterMs, heldHere }: LockNotAcquiredError,
  ): void {
    this.#reachable(key);
    if (reason === 'held') {
      const holder = heldHere ? 'this instance' : 'another instance';
      this.#logger.log(`Skipping execution - lock held by ${holder}: ${run}`);
      this.#logger.debug(
        `Lock held by ${owner ?? 'an unknown holder'}, for another ${Math.ceil(retryAfterMs / 1_000)} s ` +
          `unless it is extended: ${key}`,
      );
    }
    if (reason === 'already_ran')
      this.#logger.debug(`Skipping execution - this tick was already run: ${run}`);
    if (reason === 'contended')
      this.#logger.warn(`Skipping execution - several instances claim the lock, none got it: ${run}`);
  }

  /** The first failure in full; then a count. The nodes themselves have lines of their own. */
  #noMajority(what: string, key: string, error: QuorumUnreachableError, end = ''): void {
    const line = this.#unreachable.failed(key);
    if (line.kind === 'first') this.#logger.error(`${what}${error.message}${end}`);
    if (line.kind === 'also') this.#logger.error(`${what}"${key}": no majority of the nodes${end}`);
    if (line.kind === 'again')
      this.#logger.error(`${what}"${key}": no majority of the nodes, ${line.times} times in a row${end}`);
  }

  /** A majority answered the call of this key, whatever it said. */
  #reachable(key: string): void {
    const times = this.#unreachable.ended(key);
    if (times > 1) this.#logger.log(`A majority of the nodes answers again, after ${times} calls: ${key}`);
  }
}
