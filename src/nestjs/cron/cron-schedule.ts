import { show } from '../check-options.js';
import { tickSchedule, type TickSchedule } from '../../index.js';

/** The metadata that `@Cron` of @nestjs/schedule writes on a method. */
export interface CronMetadata {
  readonly cronTime: unknown;
  readonly name?: unknown;
  readonly timeZone?: unknown;
  readonly utcOffset?: unknown;
  readonly disabled?: unknown;
  readonly initialDelay?: unknown;
}

/** The part of the class `CronTime` of the package cron that is used here. */
interface CronTimeLike {
  getNextDateFrom(start: Date, timeZone: string): { toMillis(): number };
}
type CronTimeClass = new (
  source: string,
  timeZone?: string | null,
  utcOffset?: number | null,
) => CronTimeLike;

type NextInstant = (afterMs: number) => number;
/** As in `tickSchedule()`. */
const EARLY_MS = 10;

type CronPackage = typeof import('cron');

/**
 * Reads the schedule of a `@Cron` method. The package cron computes it, as it also fires the method: a second
 * parser would differ in some corner, and workers would no longer agree on the name of a tick. `method` is
 * for the errors.
 *
 * @throws TypeError when the schedule is neither an expression nor a date.
 * @throws RangeError when the expression or its time zone cannot be read, or never fires.
 * @throws Error when the package cron is not installed.
 */
export async function readCronSchedule(metadata: CronMetadata, method: string): Promise<TickSchedule> {
  const date = readDate(metadata.cronTime);
  if (date !== undefined) return dateSchedule(date);
  if (typeof metadata.cronTime !== 'string') {
    throw new TypeError(`${method}: @Cron takes an expression or a date, got ${typeof metadata.cronTime}`);
  }
  const { cronTime } = metadata;
  const CronTime = await loadCronTime(method);
  const next = parsed(() => createNextInstant(CronTime, cronTime, metadata), metadata, method);
  assertFires(next, cronTime, method);
  return remembering(tickSchedule(next));
}

/**
 * Remembers the latest tick until the next one. To find it in the middle of a day takes dozens of questions,
 * each of which costs the package cron milliseconds, and all jobs look at once when a majority of the nodes
 * is back. Only for a schedule that never changes.
 */
function remembering(schedule: TickSchedule): TickSchedule {
  let known: { readonly tick: number; readonly untilMs: number } | undefined;
  return {
    latest: (atMs) => {
      if (known !== undefined && atMs >= known.tick && atMs < known.untilMs) return known.tick;
      const tick = schedule.latest(atMs);
      const next = schedule.next(Math.max(atMs, tick ?? atMs));
      const untilMs = (next ?? Number.POSITIVE_INFINITY) - EARLY_MS;
      known = tick === undefined ? undefined : { tick, untilMs };
      return tick;
    },
    next: (afterMs) => schedule.next(afterMs),
  };
}

/** The schedule of a job that runs once. Its timer may fire a moment early. */
const dateSchedule = (date: number): TickSchedule => ({
  latest: (atMs) => (atMs + EARLY_MS >= date ? date : undefined),
  next: (afterMs) => (afterMs < date ? date : undefined),
});

/** The package cron says what is wrong, and not where: an application may have hundreds of jobs. */
function parsed<T>(parse: () => T, { cronTime, timeZone }: CronMetadata, method: string): T {
  try {
    return parse();
  } catch (cause) {
    const zone = timeZone === undefined ? '' : ` with the time zone ${show(timeZone)}`;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new RangeError(`${method}: @Cron cannot read ${show(cronTime)}${zone}: ${reason}`, { cause });
  }
}

/** The package cron throws where it finds no instant within the years that it looks at. */
function assertFires(next: NextInstant, expression: string, method: string): void {
  try {
    next(Date.now());
  } catch (cause) {
    throw new RangeError(`${method}: the schedule ${show(expression)} of @Cron never fires`, { cause });
  }
}

/**
 * Dates are a `Date` or Luxon's `DateTime`. The latter is recognized by its shape: it may be of another copy
 * of Luxon.
 */
function readDate(cronTime: unknown): number | undefined {
  if (cronTime instanceof Date) return cronTime.getTime();
  const like = cronTime as { toMillis?: unknown } | null;
  return typeof like === 'object' && typeof like?.toMillis === 'function'
    ? Number(like.toMillis())
    : undefined;
}

function createNextInstant(CronTime: CronTimeClass, expression: string, metadata: CronMetadata): NextInstant {
  const { timeZone, utcOffset } = metadata;
  if (typeof utcOffset === 'number') {
    const schedule = new CronTime(expression, null, utcOffset);
    const zone = zoneOfOffset(utcOffset);
    return (afterMs) => schedule.getNextDateFrom(new Date(afterMs), zone).toMillis();
  }
  // Without a zone cron uses the machine's, by its name: only a named zone knows when its clocks change.
  const zone = typeof timeZone === 'string' ? timeZone : Intl.DateTimeFormat().resolvedOptions().timeZone;
  const schedule = new CronTime(expression, zone);
  return (afterMs) => schedule.getNextDateFrom(new Date(afterMs), zone).toMillis();
}

/** Minutes east of Greenwich in cron's notation, such as `UTC+05:30`. */
function zoneOfOffset(minutes: number): string {
  const hours = Math.trunc(Math.abs(minutes) / 60);
  const two = (part: number): string => String(part).padStart(2, '0');
  return `UTC${minutes < 0 ? '-' : '+'}${two(hours)}:${two(Math.abs(minutes) % 60)}`;
}

/**
 * Loads the package cron. It is an optional peer dependency, which only `@Cron` methods with `once: 'tick'`
 * need. So a bundle is made without it where it is not installed: bundlers warn about an import that fails
 * inside `try`, and stop at any other. The CommonJS build calls `require`, which gives the copy of the
 * package that the application's own `require` gives.
 */
async function loadCronTime(method: string): Promise<CronTimeClass> {
  try {
    const cron = typeof require === 'function' ? (require('cron') as CronPackage) : await import('cron');
    return cron.CronTime as unknown as CronTimeClass;
  } catch (cause) {
    throw new Error(
      `${method} has @Cron, and to run it once per tick quorlock needs the package cron, on which ` +
        '@nestjs/schedule is built: npm install cron. Or give it once: false, and the lock ignores the tick',
      { cause },
    );
  }
}
