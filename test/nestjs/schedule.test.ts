// slow: it waits for the seconds of a real cron.
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Cron, CronExpression, Interval, ScheduleModule, SchedulerRegistry, Timeout } from '@nestjs/schedule';
import { memoryNode, type LockNode } from '../../src/index.js';
import { DistributedLock, unlocked } from '../../src/nestjs/index.js';
import { until } from '../support/until.js';
import { fragileNode, closedDoor, start, ticksOf, type Application } from './support.js';

/** The jobs that ran on all workers. */
const record: string[] = [];
const ran = (job: string): void => void record.push(job);

afterEach(() => {
  record.length = 0;
  jest.restoreAllMocks();
});

@Injectable()
class Jobs {
  @Cron('* * * * * *', { name: 'cron-above' })
  @DistributedLock({ key: 'cron-above' })
  async cronAbove(): Promise<void> {
    ran('cron-above');
  }

  @DistributedLock({ key: 'cron-below' })
  @Cron('* * * * * *', { name: 'cron-below' })
  async cronBelow(): Promise<void> {
    ran('cron-below');
  }

  @Interval(20)
  @DistributedLock({ key: 'interval-above' })
  async intervalAbove(): Promise<void> {
    ran('interval-above');
  }

  @DistributedLock({ key: 'interval-below' })
  @Interval(20)
  async intervalBelow(): Promise<void> {
    ran('interval-below');
  }

  @Timeout(1)
  @DistributedLock({ key: 'timeout-above' })
  async timeoutAbove(): Promise<void> {
    ran('timeout-above');
  }

  @DistributedLock({ key: 'timeout-below' })
  @Timeout(1)
  async timeoutBelow(): Promise<void> {
    ran('timeout-below');
  }
}

describe('the decorator, above and below those of the scheduler', () => {
  it('scheduled jobs run under their locks, with the decorator above or below', async () => {
    const { events } = await start({ imports: [ScheduleModule.forRoot()], providers: [Jobs] });
    const names = ['cron', 'interval', 'timeout'].flatMap((kind) => [`${kind}-above`, `${kind}-below`]);
    await until(() => names.every((name) => record.includes(name)));
    const acquired = events.flatMap((event) => (event.type === 'acquired' ? [event.name] : []));
    expect(acquired).toEqual(expect.arrayContaining(names));
    expect(acquired.length).toBeGreaterThanOrEqual(record.length);
  });

  it('a decorated method keeps name, length and metadata, and unlocked() gives the original', async () => {
    const { app } = await start({ imports: [ScheduleModule.forRoot()], providers: [Jobs] });
    const jobs = app.get(Jobs);
    for (const method of [jobs.cronAbove, jobs.cronBelow]) {
      expect(Reflect.getMetadata('SCHEDULE_CRON_OPTIONS', method)).toMatchObject({ cronTime: '* * * * * *' });
      expect(Reflect.getMetadata('SCHEDULER_NAME', method)).toBe(
        `cron-${method.name === 'cronAbove' ? 'above' : 'below'}`,
      );
      expect(method.length).toBe(0);
    }
    await app.close();
    record.length = 0;
    await unlocked(jobs.cronBelow).call(jobs);
    expect(record).toHaveLength(1);
    expect(() => unlocked(Jobs.prototype.constructor as never)).toThrow(
      'takes a method decorated with @DistributedLock()',
    );
  });
});

describe('a cron job', () => {
  @Injectable()
  class EverySecond {
    @Cron(CronExpression.EVERY_SECOND)
    @DistributedLock({ key: 'every-second' })
    async job(): Promise<void> {
      ran('every-second');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  it('a cron job of 5 ms runs once per tick on three workers that fire at almost the same time', async () => {
    const node = memoryNode();
    const workers: Application[] = [];
    for (let worker = 0; worker < 3; worker++) {
      const metadata = { imports: [ScheduleModule.forRoot()], providers: [EverySecond] };
      workers.push(await start(metadata, { nodes: [node], drainMs: 30_000 }));
    }
    const runs = workers.map(ticksOf);
    await until(() => runs.flat().length >= 3);
    for (const { app } of workers) await app.close();
    const ticks = runs.flat();
    expect(new Set(ticks).size).toBe(ticks.length);
    expect(ticks.filter((tick) => tick === undefined || tick % 1_000 !== 0)).toEqual([]);
    const skipped = workers.flatMap(({ events }) => events.filter(({ type }) => type === 'skipped'));
    expect(skipped.length).toBeGreaterThan(0);
  });

  @Injectable()
  class Hourly {
    runs = 0;
    door = closedDoor();

    @DistributedLock({ key: 'hourly' })
    @Cron(CronExpression.EVERY_HOUR, { timeZone: 'UTC' })
    async job(): Promise<string> {
      this.runs++;
      await this.door.promise;
      return 'done';
    }

    @Cron(CronExpression.EVERY_HOUR, { timeZone: 'UTC' })
    @DistributedLock({ key: 'every-time', once: false })
    async everyTime(): Promise<string> {
      return 'done';
    }
  }

  const NOON = Date.parse('2026-05-01T12:00:00Z');

  /** Calls a job at a time of the worker's own clock. The first reading of the clock is for the tick. */
  function callAt<T>(nowMs: number, call: () => Promise<T>): Promise<T> {
    const clock = jest.spyOn(Date, 'now').mockReturnValueOnce(nowMs);
    const running = call();
    clock.mockRestore();
    return running;
  }

  /** Calls a job like the scheduler: with one argument, undefined. */
  const fire = <T>(job: (this: Hourly) => Promise<T>, worker: Hourly): Promise<T> =>
    (job as (this: Hourly, onComplete: undefined) => Promise<T>).call(worker, undefined);

  /** Workers on one node; their own schedulers are not started. */
  async function hourlyOn(
    node: LockNode,
    count: number,
  ): Promise<{ workers: Hourly[]; applications: Application[] }> {
    const applications: Application[] = [];
    for (let n = 0; n < count; n++)
      applications.push(await start({ providers: [Hourly] }, { nodes: [node] }));
    const workers = applications.map(({ app }) => app.get(Hourly));
    for (const worker of workers) worker.door.open();
    return { workers, applications };
  }

  it('a cron job that takes no time runs once per tick if the workers fire one after the other', async () => {
    const { workers } = await hourlyOn(memoryNode(), 3);
    for (let hour = 0; hour < 5; hour++) {
      const at = NOON + hour * 3_600_000;
      const results = [];
      // The workers' clocks differ, so each fires after the run before it has ended, and finds the lock free.
      for (const [n, worker] of workers.entries()) {
        results.push(await callAt(at + n, () => fire(worker.job, worker)));
      }
      expect(results).toEqual(['done', undefined, undefined]);
    }
  });

  it('a cron job that fires late counts for its scheduled time, and very late with a warning', async () => {
    const { workers, applications } = await hourlyOn(memoryNode(), 2);
    expect(await callAt(NOON + 3, () => fire(workers[0]!.job, workers[0]!))).toBe('done');
    expect(await callAt(NOON + 20 * 60_000, () => fire(workers[1]!.job, workers[1]!))).toBeUndefined();
    expect(applications[1]!.log.of('DistributedLock', 'warn')).toEqual([
      expect.stringContaining('Hourly.job was fired 1200 s after its scheduled time'),
    ]);
    expect(applications[1]!.log.of('DistributedLock', 'debug')).toEqual([
      'Skipping execution - this tick was already run: hourly',
    ]);
  });

  it('a cron job that is called at another time is locked, and the tick is ignored', async () => {
    const { workers } = await hourlyOn(memoryNode(), 2);
    const [worker] = workers as [Hourly, Hourly];
    expect(await callAt(NOON + 3, () => fire(worker.job, worker))).toBe('done');
    expect(await callAt(NOON + 1_800_000, () => worker.job())).toBe('done');
    expect(await callAt(NOON + 1_800_000, () => worker.job())).toBe('done');
  });

  it('a cron job with once: false runs at every call', async () => {
    const { workers } = await hourlyOn(memoryNode(), 2);
    for (const worker of workers) expect(await fire(worker.everyTime, worker)).toBe('done');
  });

  it('a cron job is skipped without an unhandled rejection while no node answers', async () => {
    const unhandled = jest.fn();
    const exit = jest.spyOn(process, 'exit').mockImplementation(() => undefined as never);
    process.on('unhandledRejection', unhandled);
    const node = fragileNode();
    const { app, log, events } = await start(
      { imports: [ScheduleModule.forRoot()], providers: [EverySecond, Jobs] },
      { nodes: [node], nodeTimeoutMs: 50 },
    );
    node.reachable = false;
    record.length = 0;
    const keys = ['every-second', 'cron-above', 'interval-below', 'timeout-above'];
    await until(() =>
      keys.every((key) => events.some((event) => event.type === 'failed' && event.name === key)),
    );
    expect(record).toEqual([]);
    expect(log.of('Scheduler', 'error')).toEqual([]);
    expect(log.of('DistributedLock', 'error')).toContainEqual(
      expect.stringContaining('Skipping execution - "every-second"'),
    );
    expect(app.get(SchedulerRegistry, { strict: false }).getCronJobs().size).toBe(3);
    await app.close();
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
    expect(exit).not.toHaveBeenCalled();
  });

  it('once: tick needs @Cron, and the application does not start without it', async () => {
    @Injectable()
    class Wrong {
      @Interval(1_000)
      @DistributedLock({ once: 'tick' })
      async job(): Promise<void> {}
    }
    await expect(start({ providers: [Wrong] })).rejects.toThrow("Wrong.job: once: 'tick' needs @Cron");
  });
});
