import type { Seconds } from '../duration.js';

/**
 * What becomes of the ticks of a `@Cron` method that do not run as planned. An option that is left out takes
 * its value from the module's option `runs`, and otherwise the default below: at most once, and skipped when
 * held.
 */
export interface RunSettings {
  /**
   * What becomes of a tick that no worker started, because none was there, or no majority of the nodes.
   * `'once'`: the latest one is run late, when a worker or the majority is back; never a backlog.
   * @default 'skip'
   */
  readonly missed?: 'skip' | 'once' | undefined;
  /**
   * How long after its tick a run may begin. In seconds or as a string such as `'2h'`, from 0. Needs
   * `missed: 'once'`, `abandoned: 'retry'` or `overlap: 'wait'`.
   * @default half the distance to the next tick
   */
  readonly maxLateness?: Seconds | undefined;
  /**
   * What becomes of a tick whose worker died before the end of the run. `'retry'`: another worker runs it
   * again when the lease is over. So it runs **at least once**: the first worker may have done its work.
   * @default 'leave'
   */
  readonly abandoned?: 'leave' | 'retry' | undefined;
  /**
   * How often a tick is started at most: an integer from 1 to 1000. Needs `abandoned: 'retry'`.
   * @default 2 with `abandoned: 'retry'`, else 1
   */
  readonly attempts?: number | undefined;
  /**
   * What a tick does while the run of an earlier one goes on.
   * @default 'skip'
   */
  readonly overlap?: 'skip' | 'wait' | undefined;
  /**
   * The worker waits a random time up to this before it asks. In seconds or as a string such as `'30s'`, from
   * 0. The tick stays what it is.
   * @default 0
   */
  readonly spread?: Seconds | undefined;
  /**
   * How long a run may take. In seconds or as a string such as `'1h'`, from 1 ms. Then `currentRun().signal`
   * aborts with a `RunTimeoutError`, and the run has failed.
   * @default none
   */
  readonly timeout?: Seconds | undefined;
  /**
   * Whether a run that throws is run again, like an abandoned one. Needs `abandoned: 'retry'`.
   * @default false
   */
  readonly retryOnError?: boolean | undefined;
  /**
   * How many past runs the nodes keep for `LockManager.history`: an integer from 0 to 1000. With 0 none is
   * added.
   * @default 50
   */
  readonly history?: number | undefined;
}

/** The names of these settings, for the check of unknown options. */
export const RUN_SETTINGS = [
  'missed',
  'maxLateness',
  'abandoned',
  'attempts',
  'overlap',
  'spread',
  'timeout',
  'retryOnError',
  'history',
] as const satisfies readonly (keyof RunSettings)[];
