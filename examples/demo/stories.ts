import type { Findings } from './check.js';
import type { WorkerDeath } from './faults.js';
import type { Outage } from './due.js';
import type { JobSettings } from './plan.js';
import { CATCH_UP_JOB, LEADER_JOB, LONG_JOB, RETRY_JOB, type Run } from './record.js';
import { clockTime, seconds } from './screen.js';

/** What the three stories are told from. */
export interface Material {
  readonly runs: readonly Run[];
  readonly deaths: readonly WorkerDeath[];
  readonly outages: readonly Outage[];
  readonly findings: Findings;
  readonly jobs: JobSettings;
}

/**
 * The run that followed from the death of a worker: the next one of its job, by another worker; of a job that
 * is run again, the one that finished the same tick. `undefined`: there was none so far.
 */
export function sequelOf(runs: readonly Run[], { job, tick, at }: WorkerDeath): Run | undefined {
  const later = runs
    .filter((run) => run.job === job && run.startedAt > at)
    .sort((a, b) => a.startedAt - b.startedAt);
  return job === RETRY_JOB ? later.find((run) => run.tick === tick && run.outcome === 'done') : later[0];
}

/**
 * Whether all has followed that must follow: from each death, and for each tick that is run again, until the
 * next one comes. A worker that was killed for another reason may have been in the middle of such a run.
 */
export function isSettled(
  { runs, deaths }: Pick<Material, 'runs' | 'deaths'>,
  { retryEveryMs }: Pick<JobSettings, 'retryEveryMs'>,
  nowMs: number,
): boolean {
  const ofJob = runs.filter(({ job }) => job === RETRY_JOB);
  const done = new Set(ofJob.filter(({ outcome }) => outcome === 'done').map(({ tick }) => tick));
  const isOpen = ({ tick }: Run): boolean => tick! + retryEveryMs > nowMs && !done.has(tick);
  return deaths.every((death) => sequelOf(runs, death) !== undefined) && !ofJob.some(isOpen);
}

/** Tells what happened, a line for each story. */
export function storiesOf(material: Material): string[] {
  return [
    ...material.outages.map((outage) => outageStory(outage, material)),
    ...material.deaths.flatMap((death) => deathStory(death, material) ?? []),
  ];
}

/** The stories that could not be told, because something that had to follow did not. */
export function missingIn({ runs, deaths }: Pick<Material, 'runs' | 'deaths'>): string[] {
  const planned = [
    [LONG_JOB, `no holder of ${LONG_JOB} could be killed before the end`],
    [RETRY_JOB, `no worker could be killed in the middle of a run of ${RETRY_JOB}`],
    [LEADER_JOB, 'no leader could be killed before the end'],
  ] as const;
  return planned.flatMap(([job, missing]) => {
    const death = deaths.find((one) => one.job === job);
    if (death === undefined) return [missing];
    return sequelOf(runs, death) === undefined ? [`nobody took ${job} over from ${death.worker}`] : [];
  });
}

function outageStory({ fromMs, resumedMs }: Outage, { findings }: Material): string {
  const away = `no majority was up for ${seconds(resumedMs - fromMs)}`;
  const superseded = findings.superseded.filter(({ job }) => job === CATCH_UP_JOB).length;
  const late = findings.caughtUp.map(
    ({ job, tick, worker, startedWallMs }) =>
      `${clockTime(tick!)} of ${job} on ${worker}, ${seconds(startedWallMs - tick!)} late`,
  );
  const caughtUp = late.length === 0 ? 'no tick was caught up' : `caught up: ${late.join('; ')}`;
  const left =
    superseded === 0 ? '' : `; left out, because a later one had come: ${superseded} of ${CATCH_UP_JOB}`;
  return `${CATCH_UP_JOB}: ${away}; ${caughtUp}${left}`;
}

function deathStory(death: WorkerDeath, { runs, jobs }: Material): string | undefined {
  const next = sequelOf(runs, death);
  if (next === undefined) return undefined;
  const { job, worker, at, startedAt } = death;
  const idle = seconds(next.startedAt - at);
  if (job === RETRY_JOB) {
    const after = `${worker} was killed ${seconds(at - startedAt)} into the run of ${clockTime(next.tick!)}`;
    return `${job}: ${after}; ${next.worker} finished it as attempt ${next.attempt}, begun ${idle} later`;
  }
  if (job === LEADER_JOB) {
    const bound = `the bound is a TTL of ${seconds(jobs.leaderTtlMs)} and one retry`;
    return `${job}: ${worker} was killed; ${next.worker} led ${idle} later; ${bound}`;
  }
  const bound = `a TTL and one retry are ${seconds(jobs.longTtlMs + jobs.longRetryMs)}`;
  return `${job}: ${worker} was killed; ${next.worker} took over ${idle} later; ${bound}`;
}
