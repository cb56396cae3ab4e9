import { JOBS, nameOf, TICK_MS, type Job, type JobRecord, type RunOf } from './job-records.js';

export interface CheckedJobs {
  /** What is wrong, in a line each. */
  readonly findings: readonly string[];
  readonly kills: number;
  readonly jobs: Readonly<Record<Job, JobFigures>>;
}

interface JobFigures {
  /** The ticks from the first to the last that ran. */
  readonly due: number;
  /** How many of them ran to their end. */
  readonly succeeded: number;
  /** Runs that began and did not end: their worker was killed, or lost the lease. */
  readonly died: number;
  /** Runs of a tick that another run of it came before. */
  readonly again: number;
}

/** The run of one body, from its beginning to the last moment in which it believed to hold the lock. */
interface Run extends RunOf {
  until: number;
  isEnded: boolean;
  recordedAt: number | undefined;
}

/** A worker that was killed or stalled near a tick may be why nobody ran it, in milliseconds. */
const NEAR_MS = 2 * TICK_MS;

/** Reads from the records of the workers alone what became of the ticks of both jobs. */
export function checkJobs(records: readonly JobRecord[]): CheckedJobs {
  const sorted = records.toSorted((one, other) => one.at - other.at);
  const disturbed = sorted.flatMap((record) =>
    record.type === 'killed' || record.type === 'up'
      ? [{ from: record.at, to: record.at }]
      : record.type === 'stalled'
        ? [{ from: record.at, to: record.until }]
        : [],
  );
  const findings: string[] = [];
  const figures = JOBS.map((job) => {
    const runs = runsOf(sorted, job);
    for (const finding of [...wrongIn(job, runs), ...unrunTicksOf(runs, disturbed)])
      findings.push(`${job}: ${finding}`);
    const ticks = runs.map(({ tick }) => tick);
    const figure: JobFigures = {
      due: ticks.length === 0 ? 0 : (Math.max(...ticks) - Math.min(...ticks)) / TICK_MS + 1,
      succeeded: new Set(runs.filter(({ isEnded }) => isEnded).map(({ tick }) => tick)).size,
      died: runs.filter(({ isEnded }) => !isEnded).length,
      again: ticks.length - new Set(ticks).size,
    };
    return [job, figure] as const;
  });
  const kills = sorted.filter(({ type }) => type === 'killed').length;
  return { findings, kills, jobs: Object.fromEntries(figures) as Record<Job, JobFigures> };
}

/** All runs of a job, in the order in which they began. */
function runsOf(sorted: readonly JobRecord[], job: Job): Run[] {
  const runs: Run[] = [];
  const byName = new Map<string, Run>();
  for (const record of sorted) {
    if (!('job' in record) || record.job !== job) continue;
    const name = `${record.worker}: ${nameOf(record)}`;
    if (record.type === 'began') {
      const began = { ...record, until: record.at, isEnded: false, recordedAt: undefined };
      runs.push(began);
      byName.set(name, began);
      continue;
    }
    const run = byName.get(name);
    if (run === undefined) continue;
    if (record.type === 'still' || record.type === 'ended') run.until = record.at;
    if (record.type === 'ended') run.isEnded = true;
    if (record.type === 'recorded') run.recordedAt = record.at;
  }
  return runs;
}

function wrongIn(job: Job, runs: readonly Run[]): string[] {
  const wrong: string[] = [];
  for (const [at, run] of runs.entries()) {
    const earlier = runs.slice(0, at);
    const ofTick = earlier.filter(({ tick }) => tick === run.tick);
    const last = earlier.at(-1);
    if (job === 'once' && ofTick.length > 0) wrong.push(`tick ${nameOf(run)}, ran twice`);
    if (ofTick.some(({ attempt }) => attempt >= run.attempt))
      wrong.push(`tick ${nameOf(run)}, does not count up`);
    if (ofTick.some(({ recordedAt = Infinity }) => recordedAt < run.at))
      wrong.push(`tick ${nameOf(run)}, ran although its end was on record`);
    if (earlier.some(({ tick }) => tick > run.tick)) wrong.push(`tick ${nameOf(run)}, ran after a later one`);
    if (last !== undefined && last.token >= run.token)
      wrong.push(`the token of ${nameOf(run)} does not grow`);
    if (earlier.some(({ until }) => until > run.at))
      wrong.push(`tick ${nameOf(run)}, ran beside another run`);
  }
  return wrong;
}

interface Span {
  readonly from: number;
  readonly to: number;
}

/** Ticks that nobody ran, although no worker was killed, came up or stalled near them. */
function unrunTicksOf(runs: readonly Run[], disturbed: readonly Span[]): string[] {
  const [first] = runs;
  const last = runs.at(-1);
  if (first === undefined || last === undefined) return [];
  const ran = new Set(runs.map(({ tick }) => tick));
  const unrun: string[] = [];
  for (let tick = first.tick; tick < last.tick; tick += TICK_MS) {
    if (ran.has(tick)) continue;
    // The wall clock of ticks and the clock of the records go at the same speed.
    const at = first.at + (tick - first.tick);
    const isNear = ({ from, to }: Span): boolean => from < at + NEAR_MS && to > at - NEAR_MS;
    if (!disturbed.some(isNear)) unrun.push(`tick ${tick} was run by nobody`);
  }
  return unrun;
}
