import { describe, expect, it, jest } from '@jest/globals';
import { CronTime } from 'cron';
import { readCronSchedule, type CronMetadata } from '../../src/nestjs/cron/cron-schedule.js';
import { findLatestInstant, findNominalTick, tickSchedule } from '../../src/core/nominal-tick.js';

const at = (iso: string): number => Date.parse(iso);
const shown = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : new Date(ms).toISOString();

/** The tick of a call that the scheduler makes. */
async function tick(metadata: CronMetadata, now: string): Promise<string | undefined> {
  const schedule = await readCronSchedule(metadata, 'Tasks.job');
  return shown(schedule.latest(at(now)));
}

describe('the nominal tick', () => {
  const everySecond = { cronTime: '* * * * * *', timeZone: 'UTC' };
  const half = { cronTime: '*/30 * * * * *', timeZone: 'UTC' };
  const hourly = { cronTime: '0 * * * *', timeZone: 'UTC' };
  const newYork = { cronTime: '30 2 * * *', timeZone: 'America/New_York' };
  const berlin = { cronTime: '0 30 2 * * *', timeZone: 'Europe/Berlin' };
  const leapDay = { cronTime: '0 0 29 2 *', timeZone: 'UTC' };

  it.each<[string, CronMetadata, string, string]>([
    ['every second, on it', everySecond, '2026-05-01T12:00:07.000Z', '2026-05-01T12:00:07.000Z'],
    ['every second, 3 ms after it', everySecond, '2026-05-01T12:00:07.003Z', '2026-05-01T12:00:07.000Z'],
    ['every second, 1 ms before it', everySecond, '2026-05-01T12:00:06.999Z', '2026-05-01T12:00:07.000Z'],
    ['every second, 900 ms late', everySecond, '2026-05-01T12:00:07.900Z', '2026-05-01T12:00:07.000Z'],
    ['every 30 s, on it', half, '2026-05-01T12:00:30.002Z', '2026-05-01T12:00:30.000Z'],
    ['every 30 s, 29 s late', half, '2026-05-01T12:00:59.000Z', '2026-05-01T12:00:30.000Z'],
    ['hourly, on it', hourly, '2026-05-01T12:00:00.004Z', '2026-05-01T12:00:00.000Z'],
    ['hourly, on a clock 150 ms ahead', hourly, '2026-05-01T12:00:00.150Z', '2026-05-01T12:00:00.000Z'],
    [
      'hourly, after 59 minutes of suspension',
      hourly,
      '2026-05-01T12:59:59.900Z',
      '2026-05-01T12:00:00.000Z',
    ],
    ['daily in New York, winter', newYork, '2026-03-07T07:30:00.002Z', '2026-03-07T07:30:00.000Z'],
    [
      'daily in New York, the hour is left out',
      newYork,
      '2026-03-08T07:00:00.003Z',
      '2026-03-08T07:00:00.000Z',
    ],
    [
      'daily in New York, the same, 4 hours late',
      newYork,
      '2026-03-08T11:00:00.003Z',
      '2026-03-08T07:00:00.000Z',
    ],
    ['daily in New York, summer', newYork, '2026-03-09T06:30:00.002Z', '2026-03-09T06:30:00.000Z'],
    ['daily in New York, 10 hours late', newYork, '2026-03-09T16:30:00.000Z', '2026-03-09T06:30:00.000Z'],
    ['daily in Berlin, the hour comes twice', berlin, '2026-10-25T00:30:00.002Z', '2026-10-25T00:30:00.000Z'],
    ['daily in Berlin, the day after', berlin, '2026-10-26T01:30:00.002Z', '2026-10-26T01:30:00.000Z'],
    [
      'monthly, 12 days late',
      { cronTime: '0 0 1 * *', timeZone: 'UTC' },
      '2026-06-13T09:00:00Z',
      '2026-06-01T00:00:00.000Z',
    ],
    ['on a leap day, on it', leapDay, '2028-02-29T00:00:00.001Z', '2028-02-29T00:00:00.000Z'],
    [
      'by an offset in minutes',
      { cronTime: '0 0 * * *', utcOffset: 330 },
      '2026-05-01T18:30:00.001Z',
      '2026-05-01T18:30:00.000Z',
    ],
    [
      'by a negative offset',
      { cronTime: '0 0 * * *', utcOffset: -210 },
      '2026-05-01T03:30:00.001Z',
      '2026-05-01T03:30:00.000Z',
    ],
    [
      'a preset',
      { cronTime: '@weekly', timeZone: 'UTC' },
      '2026-05-03T00:00:00.001Z',
      '2026-05-03T00:00:00.000Z',
    ],
    [
      'a date',
      { cronTime: new Date('2026-05-01T12:00:00.500Z') },
      '2026-05-01T12:00:00.502Z',
      '2026-05-01T12:00:00.500Z',
    ],
    [
      'a date, long suspended',
      { cronTime: new Date('2026-05-01T12:00:00Z') },
      '2026-05-03T00:00:00Z',
      '2026-05-01T12:00:00.000Z',
    ],
    [
      'a Luxon date',
      { cronTime: { toMillis: () => at('2026-05-01T12:00:00Z') } },
      '2026-05-01T12:00:00.001Z',
      '2026-05-01T12:00:00.000Z',
    ],
  ])('the nominal tick of a fire is its scheduled instant: %s', async (_name, metadata, now, expected) => {
    expect(await tick(metadata, now)).toBe(expected);
  });

  it.each([
    ['15 1,2,3 * * *', 'America/New_York', '2026-03-06', '2026-03-10'],
    ['15 1,2,3 * * *', 'America/New_York', '2026-10-30', '2026-11-03'],
    ['45 */4 * * *', 'Australia/Lord_Howe', '2026-04-03', '2026-04-07'],
    ['45 */4 * * *', 'Australia/Lord_Howe', '2026-10-02', '2026-10-06'],
    ['0 3 * * 0', 'Europe/Berlin', '2026-03-20', '2026-04-10'],
  ])('the ticks of %s in %s are those of cron, from %s to %s', async (expression, zone, from, to) => {
    const cron = new CronTime(expression, zone);
    const schedule = await readCronSchedule({ cronTime: expression, timeZone: zone }, 'Tasks.job');
    let fire = cron.getNextDateFrom(new Date(from), zone);
    for (; fire.toMillis() < at(to); fire = cron.getNextDateFrom(fire.toJSDate(), zone)) {
      expect(shown(schedule.latest(fire.toMillis() + 2))).toBe(shown(fire.toMillis()));
    }
  });
});

it('the latest tick of a method is searched for once, and remembered until the next one', async () => {
  const schedule = await readCronSchedule({ cronTime: '0 2 * * *', timeZone: 'Europe/Berlin' }, 'Tasks.job');
  const asked = jest.spyOn(CronTime.prototype, 'getNextDateFrom');
  const latest = (now: string): string | undefined => shown(schedule.latest(at(now)));
  expect(latest('2026-05-01T13:00:00Z')).toBe('2026-05-01T00:00:00.000Z');
  const questions = asked.mock.calls.length;
  expect(questions).toBeGreaterThan(10);
  for (const now of ['2026-05-01T13:00:01Z', '2026-05-01T00:00:00Z', '2026-05-01T23:59:59.989Z'])
    expect(latest(now)).toBe('2026-05-01T00:00:00.000Z');
  expect(asked).toHaveBeenCalledTimes(questions);
  // A timer may fire ten milliseconds early.
  expect(latest('2026-05-01T23:59:59.990Z')).toBe('2026-05-02T00:00:00.000Z');
  expect(asked.mock.calls.length).toBeLessThan(questions + 5);
  expect(latest('2026-05-01T13:00:00Z')).toBe('2026-05-01T00:00:00.000Z');
  asked.mockRestore();
});

it('a call before the date of a job has no tick', async () => {
  expect(await tick({ cronTime: new Date('2026-05-01T12:00:00Z') }, '2026-05-01T11:00:00Z')).toBeUndefined();
});

describe('the search for the latest instant', () => {
  const every = (periodMs: number) => (afterMs: number) =>
    Math.floor(afterMs / periodMs) * periodMs + periodMs;

  it('the latest instant is found for every period and delay', () => {
    for (const periodMs of [1_000, 7_000, 60_000, 3_600_000, 86_400_000]) {
      for (const delayMs of [0, 1, 999, 1_000, 5_500, 59_999, 3_000_000, 80_000_000]) {
        const now = 1_777_777_776_000 + delayMs;
        const expected = Math.floor((Math.floor(now / 1_000) * 1_000) / periodMs) * periodMs;
        expect(findLatestInstant(every(periodMs), now, 400 * 86_400_000)).toBe(expected);
      }
    }
  });

  it('a call just after its instant takes one question to the schedule', () => {
    let questions = 0;
    const next = (afterMs: number): number => {
      questions++;
      return every(86_400_000)(afterMs);
    };
    expect(findNominalTick(next, 86_400_000 * 20_000 + 3)).toBe(86_400_000 * 20_000);
    expect(questions).toBe(1);
  });

  it('the search for the latest instant gives up at its limit', () => {
    expect(
      findLatestInstant(() => Number.MAX_SAFE_INTEGER, 1_777_777_777_000, 400 * 86_400_000),
    ).toBeUndefined();
  });

  it('the search passes over an instant that is before the moment of its question', () => {
    const next = (afterMs: number): number =>
      afterMs > 50_000 && afterMs < 60_000 ? 40_000 : every(20_000)(afterMs);
    expect(findLatestInstant(next, 59_000, 60_000)).toBe(40_000);
  });
});

it('readCronSchedule refuses a schedule that is neither an expression nor a date', async () => {
  await expect(readCronSchedule({ cronTime: 7 }, 'Tasks.job')).rejects.toThrow(
    'Tasks.job: @Cron takes an expression or a date',
  );
});

it.each([
  [{ cronTime: 'now and then' }, "Tasks.job: @Cron cannot read 'now and then': Unknown alias"],
  [
    { cronTime: '* * * * *', timeZone: 'Mars/Olympus' },
    "Tasks.job: @Cron cannot read '* * * * *' with the time zone 'Mars/Olympus': Invalid timezone",
  ],
])('readCronSchedule says which method has a schedule that cannot be read: %j', async (metadata, message) => {
  await expect(readCronSchedule(metadata, 'Tasks.job')).rejects.toThrow(message);
});

it('the next tick comes after the moment, though the package answers with an earlier one when clocks are put back', () => {
  const HOUR = 3_600_000;
  // Its answers for half an hour are those of the hour before.
  const next = (afterMs: number): number => {
    const instant = (Math.floor(afterMs / 60_000) + 1) * 60_000;
    return instant > HOUR && instant < 1.5 * HOUR ? instant - HOUR / 2 : instant;
  };
  const schedule = tickSchedule(next);
  expect(next(HOUR + 60_000)).toBeLessThan(HOUR);
  expect(schedule.next(HOUR + 60_000)).toBe(1.5 * HOUR);
  expect(schedule.next(60_000)).toBe(120_000);
  expect(tickSchedule(() => 0).next(HOUR)).toBeUndefined();
});

it.each([
  [Number.NaN, 'NaN'],
  ['2026-11-28', 'string'],
  [new Date(0), 'object'],
])('a schedule whose next instant is %p is refused when it is asked', (answer, got) => {
  const schedule = tickSchedule((() => answer) as never);
  expect(() => schedule.next(0)).toThrow(
    `the next instant must be epoch milliseconds or undefined, got ${got}`,
  );
});

it('a schedule that is no function is refused at once', () => {
  expect(() => tickSchedule(undefined as never)).toThrow(
    'tickSchedule takes a function that gives the next instant, got undefined',
  );
});
