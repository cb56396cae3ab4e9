import { nominalDate, nominalTick, type NextInstant, type ScheduledCall } from './nominal-tick.js';

/** What `@Cron` of @nestjs/schedule leaves on a method. */
export interface CronMetadata {
  readonly cronTime: unknown;
  readonly timeZone?: unknown;
  readonly utcOffset?: unknown;
  readonly threshold?: unknown;
}

/** As much of the class `CronTime` of the package cron as is needed here. */
interface CronTimeLike {
  getNextDateFrom(start: Date, timeZone: string): { toMillis(): number };
}
type CronTimeClass = new (
  source: string,
  timeZone?: string | null,
  utcOffset?: number | null,
) => CronTimeLike;

/** The tick of a call, in epoch milliseconds. */
export type TickOf = (call: ScheduledCall) => number | undefined;

/**
 * The schedule of a `@Cron` method, computed by the package cron itself, which also fires it: a second parser would differ
 * in some corner, and workers of one tick would no longer agree on its name.
 */
export async function cronSchedule(metadata: CronMetadata, method: string): Promise<TickOf> {
  const thresholdMs = typeof metadata.threshold === 'number' ? metadata.threshold : undefined;
  const date = dateOf(metadata.cronTime);
  if (date !== undefined) return (call) => nominalDate(date, { thresholdMs, ...call });
  if (typeof metadata.cronTime !== 'string') {
    throw new TypeError(`${method}: @Cron takes an expression or a date, got ${typeof metadata.cronTime}`);
  }
  const next = nextInstant(await loadCronTime(method), metadata.cronTime, metadata);
  return (call) => nominalTick(next, { thresholdMs, ...call });
}

/** Dates come as `Date` or as Luxon's `DateTime`, which is known by its shape, as it may be of another copy. */
function dateOf(cronTime: unknown): number | undefined {
  if (cronTime instanceof Date) return cronTime.getTime();
  const like = cronTime as { toMillis?: unknown } | null;
  return typeof like === 'object' && typeof like?.toMillis === 'function'
    ? Number(like.toMillis())
    : undefined;
}

function nextInstant(CronTime: CronTimeClass, expression: string, metadata: CronMetadata): NextInstant {
  const { timeZone, utcOffset } = metadata;
  if (typeof utcOffset === 'number') {
    const schedule = new CronTime(expression, null, utcOffset);
    const zone = zoneOfOffset(utcOffset);
    return (afterMs) => schedule.getNextDateFrom(new Date(afterMs), zone).toMillis();
  }
  // Without a zone cron takes the machine's, and names it, because only a named zone knows its own clock changes.
  const zone = typeof timeZone === 'string' ? timeZone : Intl.DateTimeFormat().resolvedOptions().timeZone;
  const schedule = new CronTime(expression, zone);
  return (afterMs) => schedule.getNextDateFrom(new Date(afterMs), zone).toMillis();
}

/** As cron writes it: minutes east of Greenwich as `UTC+05:30`. */
function zoneOfOffset(minutes: number): string {
  const hours = Math.trunc(Math.abs(minutes) / 60);
  const two = (part: number): string => String(part).padStart(2, '0');
  return `UTC${minutes < 0 ? '-' : '+'}${two(hours)}:${two(Math.abs(minutes) % 60)}`;
}

/** Only loaded where a `@Cron` method is to run once per tick: cron is an optional peer. */
async function loadCronTime(method: string): Promise<CronTimeClass> {
  const cron = await import('cron').catch((cause: unknown) => {
    throw new Error(
      `${method} has @Cron, and to run it once per tick quorlock needs the package cron, which @nestjs/schedule is ` +
        'built on: npm install cron. Or give it once: false, which locks it without regard to the tick',
      { cause },
    );
  });
  return cron.CronTime as unknown as CronTimeClass;
}
