// slow: jobs of every second are waited for.
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { CronJob, CronTime } from 'cron';
import { Cron } from 'croner';
import {
  currentRun,
  LockManager,
  memoryNode,
  RunTimeoutError,
  type LockEvent,
  type LockNode,
} from '../../src/index.js';
import { onceAcrossWorkers, type AcrossWorkersOptions } from '../../src/cron/index.js';
import { cronerSchedule, cronJobSchedule } from '../../src/cron/schedules.js';
import { until } from '../support/until.js';

const managers: LockManager[] = [];
const stops: (() => unknown)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  await Promise.all(managers.splice(0).map((locks) => locks.close()));
});

function manager(
  node: LockNode,
  holder: string,
): { readonly locks: LockManager; readonly events: LockEvent[] } {
  const locks = new LockManager({ nodes: [node], holder });
  managers.push(locks);
  const events: LockEvent[] = [];
  locks.subscribe((event) => void events.push(event));
  return { locks, events };
}

const raise = (message: string): never => {
  throw new Error(message);
};

const EVERY_SECOND = '* * * * * *';
type Options = Partial<AcrossWorkersOptions>;
type Wrap = (
  locks: LockManager,
  routine: () => unknown,
  options?: Options,
  expression?: string,
) => { readonly byHand: () => unknown; readonly stop: () => unknown };

const withCron: Wrap = (locks, routine, options = {}, expression = EVERY_SECOND) => {
  const job = new CronJob(expression, () => routine() as void, null, false, 'UTC');
  onceAcrossWorkers(locks, job, { key: 'job', ...options });
  job.start();
  stops.push(() => job.stop());
  return { byHand: () => job.fireOnTick(), stop: () => job.stop() };
};
const withCroner: Wrap = (locks, routine, options = {}, expression = EVERY_SECOND) => {
  const job = new Cron(expression, { timezone: 'UTC' });
  onceAcrossWorkers(locks, job, { key: 'job', ...options }, routine);
  stops.push(() => job.stop());
  return { byHand: () => job.trigger(), stop: () => job.pause() };
};

describe.each<[string, Wrap]>([
  ['cron', withCron],
  ['croner', withCroner],
])('a job of %s', (_, wrap) => {
  it('runs each tick on one of two workers', async () => {
    const node = memoryNode();
    const ticks: (number | undefined)[] = [];
    const routine = (): void => void ticks.push(currentRun()?.tick);
    for (const holder of ['one', 'two']) wrap(manager(node, holder).locks, routine);
    await until(() => ticks.length >= 3);
    expect(new Set(ticks).size).toBe(ticks.length);
    expect(ticks.every((tick) => tick! % 1_000 === 0)).toBe(true);
  });

  it('is under the lock as long as it runs, and waits for it', async () => {
    const node = memoryNode();
    const { locks, events } = manager(node, 'one');
    let running = 0;
    const routine = async (): Promise<void> => {
      expect(++running).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 1_300));
      running--;
    };
    wrap(locks, routine);
    await until(() => events.some(({ type }) => type === 'run_finished'));
    const finished = events.find((event) => event.type === 'run_finished');
    expect(finished).toMatchObject({ outcome: 'succeeded' });
    expect(finished!.durationMs).toBeGreaterThanOrEqual(1_290);
  });

  it('by hand is a manual run', async () => {
    const { locks, events } = manager(memoryNode(), 'one');
    const seen: unknown[] = [];
    const job = wrap(locks, () => seen.push(currentRun()?.tick), {}, '0 0 1 1 *');
    await job.byHand();
    expect(seen).toEqual([undefined]);
    expect(events.some(({ type }) => type === 'manual_run')).toBe(true);
  });

  it('reports what it throws, and has failed', async () => {
    const { locks, events } = manager(memoryNode(), 'one');
    const errors: unknown[] = [];
    const options = { onError: (error: unknown) => void errors.push(error) };
    wrap(locks, () => Promise.reject(new Error('no disk')), options);
    await until(() => errors.length > 0);
    expect(errors[0]).toEqual(new Error('no disk'));
    expect(events.find(({ type }) => type === 'run_finished')).toMatchObject({ outcome: 'failed' });
  });

  it.each([
    ['throws', (): never => raise('no mail')],
    ['rejects', (): never => Promise.reject(new Error('no mail')) as never],
  ])('warns where onError %s', async (__, onError) => {
    const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const { locks } = manager(memoryNode(), 'one');
    const { byHand } = wrap(locks, () => Promise.reject(new Error('no disk')), { onError }, '0 0 1 1 *');
    await byHand();
    expect(emitWarning.mock.calls).toEqual([[new Error('no mail'), 'QuorlockWarning']]);
    emitWarning.mockRestore();
  });

  it.each<[string, object, string]>([
    ['an unknown option', { timeout: 5 }, 'onceAcrossWorkers: unknown option "timeout"'],
    ['a bad policy', { timeoutMs: -5 }, 'timeoutMs must be an integer from 1'],
    ['an empty key', { key: '' }, 'key must have 1 to 512 bytes, got 0'],
    ['a bad name', { name: '' }, 'name must have 1 to 128 characters'],
    ['a bad option of acquire', { ttlMs: '30' }, "ttlMs must be a number, got '30'"],
    ['a tick', { tick: 5 }, 'onceAcrossWorkers: unknown option "tick"'],
    ['no function for errors', { onError: 7 }, 'onError must be a function, got number'],
  ])('refuses %s before the first tick', (__, options, message) => {
    const { locks } = manager(memoryNode(), 'one');
    expect(() => wrap(locks, () => undefined, options)).toThrow(message);
  });

  it('takes the policies of runOnce', async () => {
    const errors: unknown[] = [];
    const options = { timeoutMs: 100, onError: (error: unknown) => void errors.push(error) };
    const sleep = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 300));
    wrap(manager(memoryNode(), 'one').locks, sleep, options);
    await until(() => errors.length > 0);
    expect(errors[0]).toBeInstanceOf(RunTimeoutError);
  });

  it('runs the latest missed tick at the start', async () => {
    const node = memoryNode();
    const { locks } = manager(node, 'one');
    const hour = 3_600_000;
    const last = Math.floor(Date.now() / hour) * hour;
    await locks.withLock('job', { tick: last - 2 * hour }, () => undefined);
    const ticks: (number | undefined)[] = [];
    wrap(locks, () => ticks.push(currentRun()?.tick), { missed: 'once', maxLatenessMs: hour }, '0 * * * *');
    await until(() => ticks.length > 0);
    expect(ticks).toEqual([last]);
  });

  it('runs no missed tick while somebody has stopped it', async () => {
    const { locks, events } = manager(memoryNode(), 'one');
    const hour = 3_600_000;
    await locks.withLock('job', { tick: Math.floor(Date.now() / hour - 2) * hour }, () => undefined);
    events.length = 0;
    wrap(locks, () => raise('runs'), { missed: 'once', maxLatenessMs: hour }, '0 * * * *').stop();
    await until(() => events.some(({ type }) => type === 'schedule'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(events.filter(({ type }) => type === 'acquiring')).toEqual([]);
  });
});

it('a job that somebody stopped has no tick that is missed or due, as it may have been replaced', async () => {
  const { locks, events } = manager(memoryNode(), 'one');
  await locks.withLock('job', { tick: Date.now() - 3 * 3_600_000 }, () => undefined);
  // Its latest tick is half an hour old: nobody may start it any more.
  const minute = (new Date().getUTCMinutes() + 30) % 60;
  const job = new CronJob(`${minute} * * * *`, () => undefined, null, false, 'UTC');
  const stopped = onceAcrossWorkers(locks, job, { key: 'job', missed: 'once', maxLatenessMs: 0 });
  const told = (): LockEvent[] => events.filter(({ type }) => type === 'schedule' || type === 'tick_missed');
  job.start();
  await job.stop();
  await stopped.look();
  expect(new Set(told().map((event) => ('nextTick' in event ? event.nextTick : event.type)))).toEqual(
    new Set([undefined]),
  );
  job.start();
  await stopped.look();
  expect(told().map(({ type }) => type)).toContain('tick_missed');
  await job.stop();
  stopped.stop();
});

describe('a job that fires once, at a date', () => {
  it('runs on one of two workers', async () => {
    const node = memoryNode();
    const date = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 1_000);
    const ticks: (number | undefined)[] = [];
    for (const holder of ['one', 'two']) {
      const job = new CronJob(date, () => void ticks.push(currentRun()?.tick));
      onceAcrossWorkers(manager(node, holder).locks, job, { key: 'job' });
      job.start();
    }
    await until(() => ticks.length > 0);
    expect(ticks).toEqual([date.getTime()]);
  });
});

describe('the schedules', () => {
  const at = (iso: string): number => Date.parse(iso);
  it.each([
    ['cron', cronJobSchedule(new CronJob('0 30 2 * * *', () => undefined, null, false, 'Europe/Berlin'))],
    ['croner', cronerSchedule(new Cron('0 30 2 * * *', { timezone: 'Europe/Berlin' }))],
  ])('of %s know when clocks change', (_, schedule) => {
    expect(schedule.latest(at('2026-07-01T00:30:00.003Z'))).toBe(at('2026-07-01T00:30:00Z'));
    expect(schedule.latest(at('2026-12-01T12:00:00Z'))).toBe(at('2026-12-01T01:30:00Z'));
    expect(schedule.next(at('2026-12-01T01:30:00Z'))).toBe(at('2026-12-02T01:30:00Z'));
  });

  it('of cron go on where clocks are put back by half an hour, and cron answers with a time that is past', () => {
    const job = new CronJob('0 */7 * * * *', () => undefined, null, false, 'Australia/Lord_Howe');
    const after = at('2026-04-04T15:05:00Z');
    expect(cronJobSchedule(job).next(after)).toBeGreaterThan(after);
  });

  it('of cron that throws is told to onError', async () => {
    const errors: unknown[] = [];
    const job = new CronJob('0 0 1 1 *', () => undefined, null, false, 'UTC');
    const { locks } = manager(memoryNode(), 'one');
    onceAcrossWorkers(locks, job, { key: 'job', onError: (error) => void errors.push(error) });
    job.lastDate = () => new Date();
    job.cronTime.getNextDateFrom = () => raise('no zone');
    await job.fireOnTick();
    expect(errors).toEqual([new Error('no zone')]);
  });

  it('of cron follow setTime, and an offset in place of a zone', () => {
    const job = CronJob.from({ cronTime: '0 0 3 * * *', onTick: () => undefined, utcOffset: 330 });
    const schedule = cronJobSchedule(job);
    expect(schedule.latest(at('2026-07-01T12:00:00Z'))).toBe(at('2026-06-30T21:30:00Z'));
    job.setTime(new CronTime('0 0 4 * * *', null, 330));
    expect(schedule.latest(at('2026-07-01T12:00:00Z'))).toBe(at('2026-06-30T22:30:00Z'));
  });
});

describe('a job of croner with a function of its own', () => {
  it('is refused, and goes on as it is', async () => {
    const { locks } = manager(memoryNode(), 'one');
    let runs = 0;
    const job = new Cron('0 0 1 1 *', () => void runs++);
    stops.push(() => job.stop());
    expect(() => onceAcrossWorkers(locks, job, { key: 'job' }, () => undefined)).toThrow('Croner');
    await job.trigger();
    expect(runs).toBe(1);
  });
});

describe('what is no manager, and what is one argument too many', () => {
  it('are refused, and the job is as it was', () => {
    const job = new CronJob('0 0 1 1 *', () => undefined, null, false, 'UTC');
    const { fireOnTick } = job;
    const options = { key: 'job' };
    const { locks } = manager(memoryNode(), 'one');
    const takes = 'onceAcrossWorkers takes a LockManager, then the job';
    expect(() => onceAcrossWorkers(undefined as never, job, options)).toThrow(takes);
    expect(() => onceAcrossWorkers(job as never, locks as never, options)).toThrow(takes);
    const withRoutine = onceAcrossWorkers as (...given: unknown[]) => unknown;
    expect(() => withRoutine(locks, job, options, () => undefined)).toThrow(
      'a CronJob has its own function: leave out the last argument',
    );
    expect(job.fireOnTick).toBe(fireOnTick);
  });

  it('a job is given once', () => {
    const { locks } = manager(memoryNode(), 'one');
    const job = new CronJob('0 0 1 1 *', () => undefined, null, false, 'UTC');
    const runs = onceAcrossWorkers(locks, job, { key: 'job' });
    stops.push(() => runs.stop());
    expect(() => onceAcrossWorkers(locks, job, { key: 'other' })).toThrow(
      'onceAcrossWorkers has this job already: call it once for each job',
    );
  });
});

describe('what is no job', () => {
  it.each([
    ['nothing', undefined, 'takes a CronJob of the package cron (4.3 or newer), or a Cron of croner'],
    ['another object', { start: () => undefined }, 'takes a CronJob of the package cron'],
    [
      'a croner job without its function',
      new Cron('0 0 1 1 *', { paused: true }),
      'takes the function of a croner job',
    ],
  ])('%s is refused', (_, job, message) => {
    const { locks } = manager(memoryNode(), 'one');
    expect(() => onceAcrossWorkers(locks, job as never, { key: 'job' })).toThrow(message);
  });
});
