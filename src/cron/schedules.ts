import { tickSchedule, type TickSchedule } from '../index.js';

/** The part of the class `CronJob` of the package cron that is used here. */
export interface CronJobLike {
  waitForCompletion: boolean;
  errorHandler?: ((error: unknown) => void) | null | undefined;
  fireOnTick(...args: unknown[]): unknown;
  lastDate(): unknown;
  start?(): unknown;
  stop?(): unknown;
  readonly cronTime: CronTimeLike;
}

/** The part of the class `CronTime` of the package cron that is used here. */
interface CronTimeLike {
  readonly source: unknown;
  readonly realDate?: boolean | undefined;
  readonly timeZone?: string | null | undefined;
  readonly utcOffset?: number | null | undefined;
  getNextDateFrom(start: Date, timeZone: string): { toMillis(): number };
}

/** The part of the class `Cron` of the package croner that is used here. */
export interface CronerLike {
  nextRun(after?: Date | null): Date | null;
  schedule(routine: () => Promise<void>): unknown;
  trigger(): Promise<void>;
  stop?(): unknown;
  pause?(): unknown;
  resume?(): unknown;
}

/** A date counts as due up to this long before it, as in `tickSchedule()`: a timer may fire early. */
const EARLY_MS = 10;

/** The ticks of a CronJob. Its time is read at each call: `setTime()` may have changed it. */
export function cronJobSchedule(job: CronJobLike): TickSchedule {
  const repeated = tickSchedule((afterMs) => {
    const { cronTime } = job;
    return cronTime.getNextDateFrom(new Date(afterMs), zoneOf(cronTime)).toMillis();
  });
  const next = (afterMs: number): number | undefined => {
    const { realDate, source } = job.cronTime;
    if (realDate !== true) return repeated.next(afterMs);
    const date = dateOf(source);
    return afterMs < date ? date : undefined;
  };
  const latest = (atMs: number): number | undefined => {
    const { realDate, source } = job.cronTime;
    if (realDate !== true) return repeated.latest(atMs);
    const date = dateOf(source);
    return atMs + EARLY_MS >= date ? date : undefined;
  };
  return { latest, next };
}

/** A `Date`, or Luxon's `DateTime`. */
function dateOf(source: unknown): number {
  const like = source as { readonly toMillis?: () => number };
  return typeof like.toMillis === 'function' ? like.toMillis() : Number(source);
}

/** Without a zone cron uses the machine's, by its name: only a named zone knows when its clocks change. */
function zoneOf({ timeZone, utcOffset }: CronTimeLike): string {
  if (typeof timeZone === 'string') return timeZone;
  if (typeof utcOffset !== 'number') return Intl.DateTimeFormat().resolvedOptions().timeZone;
  const hours = Math.trunc(Math.abs(utcOffset) / 60);
  const two = (part: number): string => String(part).padStart(2, '0');
  return `UTC${utcOffset < 0 ? '-' : '+'}${two(hours)}:${two(Math.abs(utcOffset) % 60)}`;
}

/** The ticks of a job of croner. */
export const cronerSchedule = (job: CronerLike): TickSchedule =>
  tickSchedule((afterMs) => job.nextRun(new Date(afterMs))?.getTime());

/**
 * Watches whether somebody has stopped the job, or paused it, and not started it again. A job that was never
 * started is not stopped: it may be started in a moment.
 */
export function watchStops(job: CronJobLike | CronerLike): () => boolean {
  let isStopped = false;
  const methods = job as unknown as Record<string, ((...args: unknown[]) => unknown) | undefined>;
  const watch = (name: string, stops: boolean): void => {
    const original = methods[name]?.bind(job);
    if (original === undefined) return;
    methods[name] = (...args) => {
      isStopped = stops;
      return original(...args);
    };
  };
  for (const name of ['stop', 'pause']) watch(name, true);
  for (const name of ['start', 'resume']) watch(name, false);
  return () => isStopped;
}
