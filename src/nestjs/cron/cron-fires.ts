/**
 * Tells the fires of a cron job's own timer from those that somebody makes by hand with `job.fireOnTick()`.
 * Only the former belong to a scheduled time. The package cron makes both by the same method, with the same
 * arguments. But before its timer fires, it writes a new `lastDate()`.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { CronMetadata } from './cron-schedule.js';
import { isSchedulerCall } from '../nest-metadata.js';

/** The part of the class `CronJob` of the package cron that is used here. */
interface CronJobLike {
  fireOnTick(...args: unknown[]): unknown;
  lastDate(): unknown;
  readonly cronTime?: { readonly source?: unknown };
  /** Whether its timer is set: of version 4. Earlier ones call it `running`. */
  readonly isActive?: unknown;
  readonly running?: unknown;
}

/** The part of the `SchedulerRegistry` of @nestjs/schedule that is used here. */
export interface RegistryLike {
  addCronJob(name: string, job: CronJobLike): void;
  getCronJobs(): Iterable<readonly [string, CronJobLike]>;
}

/** One fire of a cron job. */
interface CronFire {
  readonly jobName: string;
  readonly expression: unknown;
  /** Whether the timer of the job made it, and not somebody by hand. */
  readonly byTimer: boolean;
  /** The tick of a late run; `undefined`: the latest one. */
  readonly tick?: number;
  /** Whether a method has taken the tick of this fire. There is one for each fire. */
  isTaken: boolean;
}

/** What `onceAcrossWorkers` of quorlock/cron writes on a job of the package cron: it has ticks of its own. */
const ACROSS_WORKERS = Symbol.for('quorlock:across-workers');

const fires = new AsyncLocalStorage<CronFire>();
const watched = new WeakSet<object>();

/** Finds the scheduler among the instances of the application, by its shape: the package is optional. */
export function isSchedulerRegistry(instance: unknown): instance is RegistryLike {
  const like = instance as Partial<Record<keyof RegistryLike, unknown>> | null | undefined;
  return typeof like?.addCronJob === 'function' && typeof like.getCronJobs === 'function';
}

/**
 * Watches the cron jobs of a scheduler: those that it has, and those that are added later. Nest wraps
 * `fireOnTick` of each job in the same way, to log its errors. `onJob` hears the name of each job, and
 * whether `onceAcrossWorkers` has it.
 */
export function watchCronJobs(
  registry: RegistryLike,
  onJob: (name: string, isAcrossWorkers: boolean) => void,
): void {
  const watch = (name: string, job: CronJobLike): void => {
    watchJob(name, job);
    onJob(name, ACROSS_WORKERS in job);
  };
  for (const [name, job] of registry.getCronJobs()) watch(name, job);
  const addCronJob = registry.addCronJob.bind(registry);
  registry.addCronJob = (name, job) => {
    addCronJob(name, job);
    watch(name, job);
  };
}

/**
 * The origin of a call of a method with `@Cron`: the timer of its job; the timer of a job with another
 * schedule, which may have been changed at run time; or somebody by hand.
 */
export type Origin = 'schedule' | 'other schedule' | 'hand';

/** Runs the code as the scheduler would at this tick of a method. */
export function fireLate<T>(cron: CronMetadata, tick: number, code: () => T): T {
  const jobName = typeof cron.name === 'string' ? cron.name : 'a late run';
  return fires.run({ jobName, expression: cron.cronTime, byTimer: true, isTaken: false, tick }, code);
}

/** The tick of the late run that this code belongs to. */
export const lateTick = (): number | undefined => fires.getStore()?.tick;

/**
 * Whether the scheduler has a job that calls a method with `@Cron`, and what it does. It has none where the
 * application runs no cron jobs, as a process that only answers requests.
 */
export function jobStateOf(
  registries: readonly RegistryLike[],
  { cronTime, name, initialDelay }: CronMetadata,
): 'none' | 'stopped' | 'active' {
  const jobs = registries.flatMap((registry) => [...registry.getCronJobs()]);
  const ours = jobs.filter(([jobName, { cronTime: time }]) => {
    const isOtherExpression =
      typeof time?.source === 'string' && typeof cronTime === 'string' && time.source !== cronTime;
    return !isOtherExpression && (name === undefined || name === jobName);
  });
  if (ours.length === 0) return 'none';
  const isActive = ours.some(([, job]) => job.isActive === true || job.running === true);
  // A job with a delay is started when that is over, and one with a date has ended when its date is past.
  return isActive || initialDelay !== undefined || typeof cronTime !== 'string' ? 'active' : 'stopped';
}

/**
 * Finds out who makes this call of a method with `@Cron`. The call of a timer takes the tick of its fire: a
 * second call within the same fire is one by hand.
 */
export function takeCronFire(cron: CronMetadata, args: readonly unknown[]): Origin {
  const fire = fires.getStore();
  if (fire === undefined || !fire.byTimer || fire.isTaken) return 'hand';
  const isOfMethod = isJobOf(fire, cron);
  // A wrapper around the method may have dropped the arguments of the scheduler.
  if (!isSchedulerCall(args) && !isOfMethod) return 'hand';
  fire.isTaken = true;
  return isOfMethod || !canCompare(fire, cron) ? 'schedule' : 'other schedule';
}

/** The name of the cron job whose timer made the fire that this code runs in; `undefined` elsewhere. */
export function firingJob(): string | undefined {
  const fire = fires.getStore();
  return fire?.byTimer === true ? fire.jobName : undefined;
}

function isJobOf({ jobName, expression }: CronFire, cron: CronMetadata): boolean {
  return expression === cron.cronTime && (cron.name === undefined || cron.name === jobName);
}

/** The schedule of a job that runs once, at a date, is an object of the package cron. */
const canCompare = ({ expression }: CronFire, { cronTime }: CronMetadata): boolean =>
  typeof expression === 'string' && typeof cronTime === 'string';

function watchJob(jobName: string, job: CronJobLike): void {
  if (watched.has(job)) return;
  watched.add(job);
  const fireOnTick = job.fireOnTick.bind(job);
  let lastDate = job.lastDate();
  let isTimersTurn = false;
  job.fireOnTick = (...args) => {
    if (job.lastDate() !== lastDate) {
      lastDate = job.lastDate();
      // When the timer is late, it may fire twice before it returns, for two instants.
      isTimersTurn = true;
      void Promise.resolve().then(() => (isTimersTurn = false));
    }
    const expression = job.cronTime?.source;
    const fire: CronFire = { jobName, expression, byTimer: isTimersTurn, isTaken: false };
    return fires.run(fire, () => fireOnTick(...args));
  };
}
