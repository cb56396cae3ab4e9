import { LONG_JOB, TICK_JOB, type Run } from './record.js';

/** A worker that was killed. The body that it was running ended then. */
export interface Kill {
  readonly worker: string;
  /**
   * When its end was noticed, in milliseconds of the machine's monotonic clock. Its body may have run until
   * then.
   */
  readonly at: number;
  /** The tick that it was claiming or had claimed, according to the nodes right after its end. */
  readonly claimedTick: number | undefined;
}

/** What happened in the demo. */
export interface Evidence {
  readonly runs: readonly Run[];
  readonly kills: readonly Kill[];
  /** The ticks that were due by schedule and clock, in epoch milliseconds. */
  readonly expectedTicks: readonly number[];
}

/** What the record shows. All lists but `ownTicks` are empty if all is well. */
export interface Findings {
  readonly ticks: number;
  /** Runs of the expected ticks. */
  readonly runs: number;
  /** Runs of a tick that had run before. */
  readonly duplicates: readonly Run[];
  /** Ticks that did not run, without those in `ownTicks`. */
  readonly missed: readonly number[];
  /** Ticks that did not run because the worker that claimed them was killed. */
  readonly ownTicks: readonly number[];
  /** Runs that began during another run of the same job, each with that one. */
  readonly overlaps: readonly Pair[];
  /** Runs whose fencing token is not above that of an earlier run, each with that one. */
  readonly regressions: readonly Pair[];
  /** Runs that never ended, of workers that were not killed. */
  readonly unended: readonly Run[];
}

export interface Pair {
  readonly earlier: Run;
  readonly later: Run;
}

/** Checks the record. A pure function. */
export function check({ runs, kills, expectedTicks }: Evidence): Findings {
  const killedAt = new Map(kills.map(({ worker, at }) => [worker, at]));
  const endOf = (run: Run): number => run.endedAt ?? killedAt.get(run.worker) ?? Number.POSITIVE_INFINITY;
  const ordered = [...runs].sort((a, b) => a.startedAt - b.startedAt);
  const ofJob = (job: string): Run[] => ordered.filter((run) => run.job === job);

  const ran = new Set<number>();
  const duplicates: Run[] = [];
  for (const run of ofJob(TICK_JOB)) {
    if (run.tick === null) throw new Error(`run ${run.run} of ${TICK_JOB} has no tick`);
    if (ran.has(run.tick)) duplicates.push(run);
    ran.add(run.tick);
  }
  const due = new Set(expectedTicks);
  const notRun = [...due].filter((tick) => !ran.has(tick));
  const isOwn = (tick: number): boolean => kills.some(({ claimedTick }) => claimedTick === tick);

  return {
    ticks: due.size,
    runs: ofJob(TICK_JOB).filter(({ tick }) => tick !== null && due.has(tick)).length,
    duplicates,
    missed: notRun.filter((tick) => !isOwn(tick)),
    ownTicks: notRun.filter(isOwn),
    overlaps: [TICK_JOB, LONG_JOB].flatMap((job) => overlapsIn(ofJob(job), endOf)),
    regressions: [TICK_JOB, LONG_JOB].flatMap((job) => regressionsIn(ofJob(job))),
    unended: ordered.filter((run) => endOf(run) === Number.POSITIVE_INFINITY),
  };
}

/** Compares each run with the one before it that ended last. */
function overlapsIn(ordered: readonly Run[], endOf: (run: Run) => number): Pair[] {
  const overlaps: Pair[] = [];
  let longest: Run | undefined;
  for (const later of ordered) {
    if (longest !== undefined && later.startedAt < endOf(longest)) overlaps.push({ earlier: longest, later });
    if (longest === undefined || endOf(later) > endOf(longest)) longest = later;
  }
  return overlaps;
}

/** Compares each run with the one before it that had the highest token. */
function regressionsIn(ordered: readonly Run[]): Pair[] {
  const regressions: Pair[] = [];
  let highest: Run | undefined;
  for (const later of ordered) {
    if (highest !== undefined && later.token <= highest.token) regressions.push({ earlier: highest, later });
    else highest = later;
  }
  return regressions;
}

/** Whether the demo ends with status 0. */
export const isClean = (findings: Findings): boolean =>
  [findings.duplicates, findings.missed, findings.overlaps, findings.regressions, findings.unended].every(
    (list) => list.length === 0,
  );
