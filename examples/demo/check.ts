import { isCutOff, isDue, wasUnrecorded, type LateJob, type Outage } from './due.js';
import { JOBS, TICK_JOB, type Job, type Run } from './record.js';

/** A worker that was killed. The body that it was running ended then. */
export interface Kill {
  readonly worker: string;
  /** When the signal was sent, in milliseconds of the machine's monotonic clock. No body runs after that. */
  readonly at: number;
  /** The ticks that it was claiming or had claimed, according to the nodes right after its end. */
  readonly claimed: readonly JobTick[];
}

/** A tick of one job, in epoch milliseconds. */
export interface JobTick {
  readonly job: Job;
  readonly tick: number;
}

/** What happened in the demo. */
export interface Evidence {
  readonly runs: readonly Run[];
  readonly kills: readonly Kill[];
  readonly outages: readonly Outage[];
  /** The ticks of the job of every second that came by schedule and clock, in epoch milliseconds. */
  readonly expectedTicks: readonly number[];
  readonly lateJobs: readonly LateJob[];
}

/** What the record shows. All lists that `isClean` names are empty if all is well. */
export interface Findings {
  /** Of the job of every second, as `runs`, `missed`, `ownTicks` and `away`. */
  readonly ticks: number;
  /** Runs of the expected ticks. */
  readonly runs: number;
  /** Runs of a tick that had run before. With `abandoned: 'retry'`: of one that had succeeded before. */
  readonly duplicates: readonly Run[];
  /** Ticks that did not run, without those in `ownTicks` and `away`. */
  readonly missed: readonly number[];
  /** Ticks that did not run because the worker that claimed them was killed. */
  readonly ownTicks: readonly number[];
  /** Ticks that did not run while no majority of the nodes was up: `missed: 'skip'` is the policy. */
  readonly away: readonly number[];
  /** Ticks of late jobs that were due within their lateness, and did not succeed. */
  readonly unrun: readonly JobTick[];
  /** Ticks of late jobs that were not due: a later one came before a majority of the nodes was up. */
  readonly superseded: readonly JobTick[];
  /** Runs of ticks that came during an outage, and succeeded after it. */
  readonly caughtUp: readonly Run[];
  /** Runs that succeeded after another run of their tick had not. */
  readonly retried: readonly Run[];
  /** Runs, after an outage, of ticks that were not the latest ones that came during it. */
  readonly backlog: readonly Run[];
  /** Runs whose attempt is not above that of the run of the same tick before it, each with that one. */
  readonly attempts: readonly Pair[];
  /** Runs that began while the worker of another run of the same job held the lock, each with that one. */
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
export function check(evidence: Evidence): Findings {
  const { runs, kills, outages, expectedTicks, lateJobs } = evidence;
  const killedAt = new Map(kills.map(({ worker, at }) => [worker, at]));
  const endOf = (run: Run): number => run.endedAt ?? killedAt.get(run.worker) ?? Number.POSITIVE_INFINITY;
  const heldUntil = (run: Run): number => run.heldUntil ?? endOf(run);
  const ordered = [...runs].sort((a, b) => a.startedAt - b.startedAt);
  const ofJob = (job: Job): Run[] => ordered.filter((run) => run.job === job);
  const isOwn = (job: Job, tick: number): boolean =>
    kills.some(({ claimed }) => claimed.some((claim) => claim.job === job && claim.tick === tick));

  const due = new Set(expectedTicks);
  const ran = byTick(ofJob(TICK_JOB));
  const notRun = [...due].filter((tick) => !ran.has(tick));
  const missed = notRun.filter((tick) => !isOwn(TICK_JOB, tick));
  const late = lateJobs.map((job) => checkLate(job, byTick(ofJob(job.job)), evidence, isOwn));

  return {
    ticks: due.size,
    runs: ofJob(TICK_JOB).filter(({ tick }) => tick !== null && due.has(tick)).length,
    duplicates: [
      ...[...ran.values()].flatMap((ofTick) => ofTick.slice(1)),
      ...late.flatMap(({ duplicates }) => duplicates),
    ],
    missed: missed.filter((tick) => !isCutOff(tick, outages)),
    ownTicks: notRun.filter((tick) => isOwn(TICK_JOB, tick)),
    away: missed.filter((tick) => isCutOff(tick, outages)),
    unrun: late.flatMap(({ unrun }) => unrun),
    superseded: late.flatMap(({ superseded }) => superseded),
    caughtUp: late.flatMap(({ caughtUp }) => caughtUp),
    retried: late.flatMap(({ retried }) => retried),
    backlog: late.flatMap(({ backlog }) => backlog),
    attempts: [ran, ...lateJobs.map(({ job }) => byTick(ofJob(job)))].flatMap(attemptsIn),
    overlaps: JOBS.flatMap((job) => overlapsIn(ofJob(job), heldUntil)),
    regressions: JOBS.flatMap((job) => regressionsIn(ofJob(job))),
    unended: ordered.filter((run) => endOf(run) === Number.POSITIVE_INFINITY),
  };
}

type LateFindings = Pick<
  Findings,
  'duplicates' | 'unrun' | 'superseded' | 'caughtUp' | 'retried' | 'backlog'
>;

/** Checks a job whose ticks may be run late, or again. */
function checkLate(
  late: LateJob,
  ran: ReadonlyMap<number, readonly Run[]>,
  { kills, outages }: Evidence,
  isOwn: (job: Job, tick: number) => boolean,
): LateFindings {
  const { job, ticks, everyMs, abandoned } = late;
  const successOf = (tick: number): Run | undefined => ran.get(tick)?.find(isSuccess);
  const successes = [...ran.keys()].flatMap((tick) => successOf(tick) ?? []);
  const firsts = [...ran.values()].map(([first]) => first!);
  const isAfter = (run: Run, { fromMs, resumedMs }: Outage): boolean =>
    run.tick! > fromMs && run.tick! <= resumedMs && run.startedWallMs >= resumedMs;
  /** The run before it had succeeded, and nothing kept its worker from putting that on record. */
  const isAgain = (run: Run, ofTick: readonly Run[]): boolean =>
    ofTick
      .slice(0, ofTick.indexOf(run))
      .some((earlier) => isSuccess(earlier) && !wasUnrecorded(earlier, run, kills, outages));

  return {
    duplicates: [...ran.values()].flatMap((ofTick) =>
      ofTick.slice(1).filter((run) => abandoned === 'leave' || isAgain(run, ofTick)),
    ),
    unrun: ticks
      .filter((tick) => successOf(tick) === undefined && isDue(tick, late, outages))
      .filter((tick) => abandoned === 'retry' || !isOwn(job, tick))
      .map((tick) => ({ job, tick })),
    superseded: ticks
      .filter((tick) => !ran.has(tick) && !isDue(tick, late, outages))
      .map((tick) => ({ job, tick })),
    caughtUp: successes.filter((run) => outages.some((outage) => isAfter(run, outage))),
    retried: successes.filter((run) => ran.get(run.tick!)?.[0] !== run),
    backlog: firsts.filter((run) =>
      outages.some((outage) => isAfter(run, outage) && run.tick! + everyMs <= outage.resumedMs),
    ),
  };
}

const isSuccess = ({ outcome }: Run): boolean => outcome === 'done';

/** The runs of each tick, in the order in which they began. */
function byTick(ordered: readonly Run[]): Map<number, Run[]> {
  const ran = new Map<number, Run[]>();
  for (const run of ordered) {
    if (run.tick === null) throw new Error(`run ${run.run} of ${run.job} has no tick`);
    ran.set(run.tick, [...(ran.get(run.tick) ?? []), run]);
  }
  return ran;
}

/** Compares each run with the one of the same tick before it. */
const attemptsIn = (ran: ReadonlyMap<number, readonly Run[]>): Pair[] =>
  [...ran.values()].flatMap((ofTick) =>
    ofTick
      .slice(1)
      .map((later, index) => ({ earlier: ofTick[index]!, later }))
      .filter(({ earlier, later }) => !((later.attempt ?? 0) > (earlier.attempt ?? 0))),
  );

/** Compares each run with the one before it that held the lock for longest. */
function overlapsIn(ordered: readonly Run[], heldUntil: (run: Run) => number): Pair[] {
  const overlaps: Pair[] = [];
  let longest: Run | undefined;
  for (const later of ordered) {
    if (longest !== undefined && later.startedAt < heldUntil(longest))
      overlaps.push({ earlier: longest, later });
    if (longest === undefined || heldUntil(later) > heldUntil(longest)) longest = later;
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
  [
    findings.duplicates,
    findings.missed,
    findings.unrun,
    findings.backlog,
    findings.attempts,
    findings.overlaps,
    findings.regressions,
    findings.unended,
  ].every((list) => list.length === 0);
