import type { NotRunReason, TickSchedule } from '../core/run-policy.js';
import type { LockNotAcquiredError } from './errors.js';
import type { AcquireOptions } from './options.js';

/** What becomes of ticks that do not run as planned. The defaults: at most once, and skipped when held. */
export interface RunPolicyOptions {
  /**
   * What becomes of a tick that no worker started, because none was there, or no majority of the nodes.
   * - `'skip'`: it is not run.
   * - `'once'`: the latest such tick is run late; never a backlog. A call that reaches no majority of the
   *   nodes asks again, as long as the run may still begin.
   * @default 'skip'
   */
  readonly missed?: 'skip' | 'once' | undefined;
  /**
   * How long after its tick a run may begin, in milliseconds: an integer from 0 to 2^31 - 1. Needs
   * `missed: 'once'`, `abandoned: 'retry'` or `overlap: 'wait'`.
   * @default half the distance to the next tick
   */
  readonly maxLatenessMs?: number | undefined;
  /**
   * What becomes of a tick whose worker died or lost its lease before the end of the run.
   * - `'leave'`: it is not run again, so a tick runs at most once.
   * - `'retry'`: another worker runs it again when the lease is over, so it may run more than once: the first
   *   worker may have done its work and died before it could tell a majority of the nodes.
   * @default 'leave'
   */
  readonly abandoned?: 'leave' | 'retry' | undefined;
  /**
   * How often a tick is started at most, the first time included: an integer from 1 to 1000. Needs
   * `abandoned: 'retry'`.
   * @default 2 with `abandoned: 'retry'`, else 1
   */
  readonly attempts?: number | undefined;
  /**
   * What a tick does while the run of an earlier one goes on: `'skip'` it, or `'wait'` until that has ended.
   * @default 'skip'
   */
  readonly overlap?: 'skip' | 'wait' | undefined;
  /**
   * The worker waits a random time up to this before it asks, in milliseconds: an integer from 0 to 2^31 - 1.
   * It evens out which worker runs. The tick stays what it is.
   * @default 0
   */
  readonly spreadMs?: number | undefined;
  /**
   * How long a run may take, in milliseconds: an integer from 1 to 2^31 - 1. Then the run's signal aborts
   * with a RunTimeoutError, and the run has failed, whatever it returns. The lock is held until it has ended.
   * @default none
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Whether a run that throws is run again, like an abandoned one. Needs `abandoned: 'retry'`.
   * @default false
   */
  readonly retryOnError?: boolean | undefined;
  /**
   * How many past runs of the job the nodes keep for `LockManager.history`: an integer from 0 to 1000. With 0
   * none is added. They are kept for seven days after the last one.
   * @default 50
   */
  readonly history?: number | undefined;
}

/** The options of `runOnce`. */
export interface RunOnceOptions
  extends Omit<AcquireOptions, 'tick' | 'retry' | 'attempts'>, RunPolicyOptions {
  /** The resource: the same on all workers of this job, and of no other one. */
  readonly key: string;
  /**
   * The scheduled time of this run in milliseconds since the Unix epoch, the same on every worker; or
   * `'manual'` for a run that somebody started by hand: it is under the lock, and no tick is recorded.
   */
  readonly tick: number | 'manual';
  /**
   * The tick after this one. From it follows the default of `maxLatenessMs`, and a run that goes on by then
   * is told by the event `run_overrun`.
   * @default unknown
   */
  readonly nextTick?: number | undefined;
}

/** The options of `watchTicks`. */
export interface WatchTicksOptions extends Pick<
  RunPolicyOptions,
  'missed' | 'maxLatenessMs' | 'abandoned' | 'attempts' | 'spreadMs'
> {
  /** The resource of the job. */
  readonly key: string;
  /** The name of the job in events and metrics. */
  readonly name?: string | undefined;
  readonly schedule: TickSchedule;
}

/** A watch over missed and abandoned ticks, until it is stopped or the manager is closed. */
export interface TickWatch {
  /**
   * Looks now. Resolves when what was found has been run; at once inside such a run, which would wait for
   * itself. Never rejects.
   */
  look(): Promise<void>;
  stop(): void;
}

/** The run that the calling code is part of: `currentRun()`. */
export interface CurrentRun {
  /** The scheduled time; `undefined` for a run that somebody started by hand. */
  readonly tick: number | undefined;
  /** Which run of the tick this is, from 1; `undefined` without a tick. */
  readonly attempt: number | undefined;
  /** How long after its tick the run began, in milliseconds; 0 without a tick. */
  readonly lateMs: number;
  /** The fencing token; `undefined` if `fencing` is off. */
  readonly token: number | undefined;
  /** Aborts when the lease is lost, at the timeout, and when the caller's signal aborts. */
  readonly signal: AbortSignal;
}

/** What came of `runOnce`. `error` says why the last attempt to acquire did not succeed. */
export type RunResult<T> =
  | { readonly ran: true; readonly value: T; readonly attempt: number | undefined }
  | { readonly ran: false; readonly reason: NotRunReason; readonly error: LockNotAcquiredError };
