// slow: some tests wait for a second of real time.
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Cron, ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { currentRun, LockManager, memoryNode, type LockEvent, type LockNode } from '../../src/index.js';
import {
  DistributedLock,
  RunOnLeader,
  type DistributedLockOptions,
  type RunSettings,
} from '../../src/nestjs/index.js';
import { LateRuns, type WatchedMethod } from '../../src/nestjs/runs/late-runs.js';
import { until } from '../support/until.js';
import { start, type Application } from './support.js';

const HOUR = 3_600_000;
const KEY = 'job';
/** At every full hour of a zone without summer time. */
const lastHour = (): number => Math.floor(Date.now() / HOUR) * HOUR;

const runs: (number | undefined)[] = [];

/** A class with a job, whose timer does not fire during a test: it is started late, or by its fire. */
function jobWith(options: RunSettings & Pick<DistributedLockOptions, 'once'>, expression = '0 * * * *') {
  @Injectable()
  class Job {
    @Cron(expression, { timeZone: 'UTC', name: 'job' })
    @DistributedLock({ key: KEY, ...options })
    async run(): Promise<string> {
      runs.push(currentRun()?.tick);
      return 'done';
    }
  }
  return Job;
}

const startJob = (options: RunSettings, node: LockNode, module: object = {}): Promise<Application> =>
  start(
    { imports: [ScheduleModule.forRoot()], providers: [jobWith(options)] },
    { nodes: [node], holder: 'worker', ...module },
  );

/** A node that knows of a run of the job so many hours ago. */
async function nodeWith(hoursAgo: number, end: 'finished' | 'died' = 'finished'): Promise<LockNode> {
  runs.length = 0;
  const node = memoryNode();
  const locks = new LockManager({ nodes: [node], holder: 'before' });
  const lease = await locks.acquire(KEY, {
    tick: lastHour() - hoursAgo * HOUR,
    ttlMs: 1_000,
    autoExtend: false,
  });
  if (end === 'finished') await lease.release();
  return node;
}

const tickEvents = (events: readonly LockEvent[]): string[] =>
  events.flatMap((event) =>
    event.type === 'tick_missed' || event.type === 'tick_abandoned' ? [`${event.type} ${event.reason}`] : [],
  );

describe('a @Cron method with policies', () => {
  it('runs the latest missed tick at the start', async () => {
    const { events } = await startJob({ missed: 'once', maxLateness: '1h' }, await nodeWith(3));
    await until(() => runs.length > 0);
    expect(runs).toEqual([lastHour()]);
    await until(() => events.some(({ type }) => type === 'run_finished'));
    expect(events.find(({ type }) => type === 'run_finished')).toMatchObject({
      outcome: 'succeeded',
      tick: lastHour(),
      name: KEY,
      worker: 'worker',
    });
  });

  it('takes its policies from the module, and leaves those that its decorator says', async () => {
    const module = { runs: { missed: 'once', maxLateness: 3_600, abandoned: 'retry', attempts: 3 } };
    const first = await startJob({}, await nodeWith(3), module);
    await until(() => runs.length > 0);
    expect(runs).toEqual([lastHour()]);
    await first.app.close();
    await startJob({ abandoned: 'leave' }, await nodeWith(1), module);
    await until(() => runs.length > 0);
  });

  it('runs a tick again whose worker died', async () => {
    const { events } = await startJob({ abandoned: 'retry', maxLateness: '1h' }, await nodeWith(0, 'died'));
    await until(() => runs.length > 0);
    expect(runs).toEqual([lastHour()]);
    await until(() => events.some(({ type }) => type === 'run_finished'));
    expect(events.find(({ type }) => type === 'run_started')).toMatchObject({ attempt: 2 });
  });

  it('runs neither by default, and tells both', async () => {
    const missed = await startJob({}, await nodeWith(3));
    const seconds = (Date.now() - lastHour()) / 1_000;
    // In the first minute of an hour another worker might still start it.
    if (seconds > 61) await until(() => tickEvents(missed.events).length > 0);
    if (seconds > 61) expect(tickEvents(missed.events)).toEqual(['tick_missed policy']);
    await missed.app.close();
    const node = await nodeWith(0, 'died');
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const abandoned = await startJob({}, node);
    await until(() => tickEvents(abandoned.events).length > 0);
    expect(tickEvents(abandoned.events)).toEqual(['tick_abandoned policy']);
    expect(runs).toEqual([]);
  });

  it('by hand is a manual run, with an event of its own kind', async () => {
    const { app, events } = await startJob({ missed: 'once' }, await nodeWith(0));
    await app.get(SchedulerRegistry).getCronJob('job').fireOnTick();
    await until(() => events.some(({ type }) => type === 'manual_run'));
    expect(runs).toEqual([undefined]);
    expect(events.filter(({ type }) => type.startsWith('run_'))).toEqual([]);
  });

  it('says why a tick is not run', async () => {
    const node = await nodeWith(0, 'died');
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const EverySecond = jobWith({}, '* * * * * *');
    const { app, log } = await start(
      { imports: [ScheduleModule.forRoot()], providers: [EverySecond] },
      { nodes: [node] },
    );
    // The tick on record is in the past: this one runs.
    await until(() => runs.length > 0);
    expect(log.of('DistributedLock').join()).toContain('Lock acquired: job (attempt 1)');
    await app.close();
  });
});

describe('policies that cannot be', () => {
  it.each<[string, () => unknown, string]>([
    [
      'another missed',
      () => jobWith({ missed: 'all' as 'once' }),
      "missed must be one of 'skip', 'once', got 'all'",
    ],
    [
      'a maxLateness that is no duration',
      () => jobWith({ maxLateness: '2d' as '2h' }),
      'maxLateness must be from 0',
    ],
    ['no attempts', () => jobWith({ attempts: 0 }), 'attempts must be an integer from 1 to 1000, got 0'],
    ['a timeout of nothing', () => jobWith({ timeout: 0 }), 'timeout must be from 0.001'],
    [
      'retryOnError that is no boolean',
      () => jobWith({ retryOnError: 1 as never }),
      'retryOnError must be true or false',
    ],
    [
      'ticks with once: false',
      () => jobWith({ once: false, missed: 'once' }),
      'missed needs ticks, and once is false',
    ],
  ])('%s', (_, decorate, message) => {
    expect(decorate).toThrow(message);
  });

  it.each<[string, RunSettings, object, string]>([
    [
      'attempts without retry',
      { attempts: 3 },
      {},
      "Job.run: attempts (3) needs abandoned: 'retry', got 'leave'",
    ],
    [
      'retryOnError without retry',
      { retryOnError: true },
      {},
      "retryOnError (true) needs abandoned: 'retry'",
    ],
    ['maxLateness with nothing late', { maxLateness: '2h' }, {}, "maxLateness (7200 s) needs missed: 'once'"],
    ['the same in the module', {}, { runs: { attempts: 3 } }, 'QuorlockModule: runs: attempts (3) needs'],
    [
      'an unknown policy of the module',
      {},
      { runs: { retries: 3 } },
      'QuorlockModule: runs: unknown option "retries"',
    ],
  ])('%s stops the application from starting', async (_, options, module, message) => {
    await expect(startJob(options, memoryNode(), module)).rejects.toThrow(message);
  });

  it('a method without @Cron has none', async () => {
    @Injectable()
    class Plain {
      @DistributedLock({ key: 'plain', timeout: '1h' })
      async run(): Promise<void> {}
    }
    await expect(start({ providers: [Plain] })).rejects.toThrow(
      'Plain.run: timeout needs ticks, and only methods with @Cron have them',
    );
  });

  it('a schedule that never fires stops the application', async () => {
    const Never = jobWith({}, '0 0 30 2 *');
    const starting = start({ imports: [ScheduleModule.forRoot()], providers: [Never] });
    await expect(starting).rejects.toThrow("Job.run: the schedule '0 0 30 2 *' of @Cron never fires");
  });

  it('a maxLateness above the distance of the ticks is allowed, and said', async () => {
    const { log } = await startJob({ missed: 'once', maxLateness: '2h' }, memoryNode());
    expect(log.of('DistributedLock')).toContain(
      'Job.run: maxLateness (7200 s) is above the distance of its ticks (3600 s): of several missed ticks ' +
        'only the latest is run',
    );
  });
});

const HOURLY = ['0 * * * *', { timeZone: 'UTC', name: 'job' }] as const;
const ONCE = { key: KEY, missed: 'once', maxLateness: '1h' } as const;

class Base {
  @Cron(...HOURLY)
  @DistributedLock(ONCE)
  async run(): Promise<void> {
    runs.push(currentRun()?.tick);
  }
}

describe('a late run', () => {
  afterEach(() => void jest.restoreAllMocks());

  it('is made as the scheduler would make it: by the override, which calls the method', async () => {
    let overrides = 0;

    @Injectable()
    class Sub extends Base {
      @Cron(...HOURLY)
      override async run(): Promise<void> {
        overrides++;
        return super.run();
      }
    }
    await start({ imports: [ScheduleModule.forRoot()], providers: [Sub] }, { nodes: [await nodeWith(3)] });
    await until(() => runs.length > 0);
    expect({ runs, overrides }).toEqual({ runs: [lastHour()], overrides: 1 });
  });

  @Injectable()
  class Overridden extends Base {
    override async run(): Promise<void> {}
  }

  @Injectable()
  class Disabled {
    @Cron(HOURLY[0], { ...HOURLY[1], disabled: true })
    @DistributedLock(ONCE)
    async run(): Promise<void> {
      runs.push(currentRun()?.tick);
    }
  }

  it.each([
    ['its override has no @Cron', Overridden, [ScheduleModule.forRoot()]],
    ['the job is disabled', Disabled, [ScheduleModule.forRoot()]],
    ['the scheduler runs no cron jobs', Base, [ScheduleModule.forRoot({ cronJobs: false })]],
    ['the application has no scheduler', Base, []],
  ])('is not made where Nest does not schedule the method: %s', async (_, provider, imports) => {
    const watchTicks = jest.spyOn(LockManager.prototype, 'watchTicks');
    const nodes = [await nodeWith(3)];
    const { events } = await start({ imports, providers: [provider] }, { nodes });
    // The application connects, and then watches its ticks in the same turn.
    await until(() => events.some(({ type }) => type === 'quorum'));
    expect(watchTicks).not.toHaveBeenCalled();
  });

  it('of a method that runs on the leader is made when this application leads', async () => {
    @Injectable()
    class Led {
      @Cron(...HOURLY)
      @RunOnLeader('boss')
      @DistributedLock(ONCE)
      async run(): Promise<void> {
        runs.push(currentRun()?.tick);
      }
    }
    const node = await nodeWith(3);
    const leader = await new LockManager({ nodes: [node] }).acquire('boss');
    const imports = [ScheduleModule.forRoot()];
    const { events } = await start({ imports, providers: [Led] }, { nodes: [node] });
    await until(() => events.some(({ type }) => type === 'schedule'));
    await leader.release();
    await until(() => runs.length > 0);
    expect(runs).toEqual([lastHour()]);
  });

  it('is not made while the job is stopped', async () => {
    const node = await nodeWith(3);
    const { app, events } = await startJob({ missed: 'once', maxLateness: '1h' }, node);
    await app.get(SchedulerRegistry).getCronJob('job').stop();
    await until(() => events.some(({ type }) => type === 'schedule'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(events.filter(({ type }) => type === 'acquiring')).toEqual([]);
  });

  it('waits for the scheduler to get the job, and is looked for one method at a time', async () => {
    const watched: string[] = [];
    const watchTicks = ({ key }: { key: string }): { look(): Promise<void> } => {
      watched.push(key);
      return { look: async () => undefined };
    };
    const locks = { closed: false, watchTicks };
    const late = new LateRuns(locks as never, { warn: () => undefined } as never);
    const jobs = new Set(['a', 'b']);
    const add = (key: string): void =>
      late.add({ key, policy: {}, isScheduled: () => jobs.has(key) } as WatchedMethod);
    for (const key of ['later', 'a', 'b']) add(key);
    late.start();
    expect(watched).toEqual(['a']);
    await until(() => watched.length === 2);
    jobs.add('later');
    late.onJobAdded();
    await until(() => watched.length === 3);
    expect(watched).toEqual(['a', 'b', 'later']);
  });

  it('is looked for although the watch of another method fails, which is a line of the log', async () => {
    const watched: string[] = [];
    const looks: Record<string, () => { look(): Promise<void> }> = {
      throws: () => {
        throw new Error('no watch');
      },
      rejects: () => ({ look: () => Promise.reject(new Error('no look')) }),
      works: () => ({ look: async () => undefined }),
    };
    const watchTicks = ({ key }: { key: string }): { look(): Promise<void> } => {
      watched.push(key);
      return looks[key]!();
    };
    const errors: string[] = [];
    const logger = { error: (line: string) => void errors.push(line.split('\n')[0]!) };
    const late = new LateRuns({ closed: false, watchTicks } as never, logger as never);
    for (const key of Object.keys(looks))
      late.add({ key, method: `Jobs.${key}`, policy: {}, isScheduled: () => true } as WatchedMethod);
    late.start();
    await until(() => watched.length === 3);
    expect(errors).toEqual([
      'The ticks of a method are not watched: Jobs.throws. Error: no watch',
      'The ticks of a method are not watched: Jobs.rejects. Error: no look',
    ]);
  });
});
