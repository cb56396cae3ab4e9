/** The jobs of a run with `--runs`: one leaves its ticks when a worker dies, the other runs them again. */
export const JOBS = ['once', 'again'] as const;

export type Job = (typeof JOBS)[number];

/** A job has a tick in every second. */
export const TICK_MS = 1_000;

/** Names one run: the tick and the attempt. */
interface OfRun {
  readonly job: Job;
  readonly tick: number;
  readonly attempt: number;
}

/**
 * What a worker writes down about its runs, at the instant `at` of CLOCK_MONOTONIC. It is on disk before the
 * worker goes on, so it is there also when the worker is killed in the next moment.
 */
export type JobRecord = { readonly at: number; readonly worker: string } & (
  | { readonly type: 'up' }
  /** The body begins. */
  | (OfRun & { readonly type: 'began'; readonly token: number })
  /** The body goes on, and the lease is valid. */
  | (OfRun & { readonly type: 'still' })
  /** The body has done all its work, under a valid lease. */
  | (OfRun & { readonly type: 'ended' })
  /** The library said that a majority of the nodes has the end of the run on record. */
  | (OfRun & { readonly type: 'recorded' })
  /** The library said what became of a tick that did not run, or did not end. */
  | (OfRun & { readonly type: 'missed' | 'abandoned'; readonly reason: string })
  /** The worker did not run from `at` to `until`. */
  | { readonly type: 'stalled'; readonly until: number }
  /** By the one who kills. */
  | { readonly type: 'killed' }
);

export type RunOf = Extract<JobRecord, { readonly type: 'began' }>;

export const nameOf = ({ tick, attempt }: OfRun): string => `${tick}, attempt ${attempt}`;
