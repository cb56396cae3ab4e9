// slow: one test waits for a second of a real cron.
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Cron, CronExpression, Interval, ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { CronJob, CronTime } from 'cron';
import { onceAcrossWorkers } from '../../src/cron/index.js';
import { LockManager, memoryNode } from '../../src/index.js';
import { DistributedLock } from '../../src/nestjs/index.js';
import { until } from '../support/until.js';
import { start, ticksOf, type Application } from './support.js';

const NOON = Date.parse('2026-05-01T12:00:00Z');

let runs = 0;

afterEach(() => {
  runs = 0;
  jest.restoreAllMocks();
});

/** A wrapper of somebody else, which does not pass its arguments to the method. */
const DropsArguments: MethodDecorator = (_target, _property, descriptor: PropertyDescriptor) => {
  const inner = descriptor.value as (this: object) => Promise<unknown>;
  const outer = async function (this: object): Promise<unknown> {
    await Promise.resolve();
    return inner.call(this);
  };
  for (const key of Reflect.getMetadataKeys(inner)) {
    Reflect.defineMetadata(key, Reflect.getMetadata(key, inner), outer);
  }
  descriptor.value = outer;
};

@Injectable()
class Jobs {
  @Cron('0 3 * * *', { name: 'nightly' })
  @DistributedLock({ key: 'nightly' })
  async nightly(): Promise<string> {
    runs++;
    return 'done';
  }

  @Cron(CronExpression.EVERY_HOUR, { timeZone: 'UTC', disabled: true })
  @DistributedLock({ key: 'hourly' })
  async hourly(): Promise<string> {
    runs++;
    return 'done';
  }
}

@Injectable()
class EverySecond {
  @Cron('* * * * * *', { name: 'every-second' })
  @DistributedLock({ key: 'every-second' })
  async job(): Promise<void> {
    runs++;
  }
}

@Injectable()
class Wrapped {
  @DropsArguments
  @Cron('* * * * * *', { name: 'wrapped' })
  @DistributedLock({ key: 'wrapped' })
  async job(): Promise<void> {
    runs++;
  }
}

const imports = [ScheduleModule.forRoot()];
const jobOf = ({ app }: Application, name: string): CronJob =>
  app.get(SchedulerRegistry, { strict: false }).getCronJob(name);
const linesOf = ({ log }: Application, level?: string): string[] => log.of('DistributedLock', level);

/** Jobs as the scheduler calls them: with one argument, `undefined`. */
interface ByScheduler {
  hourly(done: undefined): Promise<string>;
}

/** Calls at a time of the worker's own clock. */
async function callAt<T>(nowMs: number, call: () => Promise<T>): Promise<T> {
  const clock = jest.spyOn(Date, 'now').mockReturnValueOnce(nowMs);
  const running = call();
  clock.mockRestore();
  return running;
}

describe('a job that is started by hand', () => {
  it('a job runs each time that somebody fires it by hand, and each time that somebody calls its method', async () => {
    const application = await start({ imports, providers: [Jobs] });
    const ticks = ticksOf(application);
    for (let click = 1; click <= 3; click++) {
      await jobOf(application, 'nightly').fireOnTick();
      await until(() => runs === click);
    }
    expect(await application.app.get(Jobs).nightly()).toBe('done');
    expect(ticks).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('a call just after a scheduled instant runs each time, also of a disabled job', async () => {
    const { app } = await start({ imports, providers: [Jobs] });
    const jobs = app.get(Jobs);
    for (let call = 0; call < 3; call++) {
      expect(await callAt(NOON + 300, () => jobs.hourly())).toBe('done');
    }
    expect(runs).toBe(3);
  });

  it('a manual run uses up no tick', async () => {
    const nodes = [memoryNode()];
    const [byHand, scheduled] = [
      await start({ providers: [Jobs] }, { nodes }),
      await start({ providers: [Jobs] }, { nodes }),
    ];
    await callAt(NOON + 3, () => byHand.app.get(Jobs).hourly());
    const jobs = scheduled.app.get<Jobs, ByScheduler>(Jobs);
    expect(await callAt(NOON + 200, () => jobs.hourly(undefined))).toBe('done');
    expect(await callAt(NOON + 400, () => jobs.hourly(undefined))).toBeUndefined();
  });

  it('the log line of a manual run says so, and so does that of one that did not run', async () => {
    const application = await start({ imports, providers: [Jobs] });
    const jobs = application.app.get(Jobs);
    await jobs.nightly();
    expect(linesOf(application)).toEqual(['Lock acquired: nightly (attempt 1, manual run)']);
    const held = await application.app.get(LockManager).acquire('nightly');
    expect(await jobs.nightly()).toBeUndefined();
    expect(linesOf(application, 'log').slice(1)).toEqual([
      'Skipping execution - lock held by this instance: nightly (manual run)',
    ]);
    await held.release();
  });

  it('the run of runOnInit is a manual run', async () => {
    @Injectable()
    class Eager {
      @Cron('0 3 * * *', { name: 'eager', runOnInit: true } as never)
      @DistributedLock({ key: 'eager' })
      async job(): Promise<void> {
        runs++;
      }
    }
    const application = await start({ imports, providers: [Eager] });
    await until(() => runs === 1);
    expect(linesOf(application)).toEqual(['Lock acquired: eager (attempt 1, manual run)']);
  });
});

describe('a fire of the scheduler', () => {
  it.each([
    ['whose call reaches the method as it is', EverySecond, 'every-second'],
    ['whose call comes through a wrapper that drops the arguments', Wrapped, 'wrapped'],
  ])(
    'the timer of a job gives a tick to a call %s, and a fire by hand gives none',
    async (_how, provider, name) => {
      const application = await start({ imports, providers: [provider] });
      const ticks = ticksOf(application);
      const job = jobOf(application, name);
      await until(() => ticks.length === 1);
      await job.stop();
      await job.fireOnTick();
      await until(() => ticks.length === 2);
      expect(ticks).toEqual([expect.any(Number), undefined]);
      expect(ticks[0]! % 1_000).toBe(0);
    },
  );

  it('a fire gives its tick to the method of its job, and not to a method that this one calls', async () => {
    @Injectable()
    class Chain {
      @Cron('* * * * * *', { name: 'first' })
      @DistributedLock({ key: 'first' })
      async first(): Promise<void> {
        await this.second();
        runs++;
      }

      @Cron('0 3 * * *', { name: 'second' })
      @DistributedLock({ key: 'second' })
      async second(): Promise<void> {}
    }
    const application = await start({ imports, providers: [Chain] });
    const ticks = ticksOf(application);
    await until(() => runs > 0);
    expect(ticks.slice(0, 2)).toEqual([expect.any(Number), undefined]);
  });
});

it('a job whose schedule was changed at run time runs at its new times, without ticks, and is warned about once', async () => {
  const application = await start({ imports, providers: [Jobs] });
  const ticks = ticksOf(application);
  jobOf(application, 'nightly').setTime(new CronTime('* * * * * *'));
  await until(() => runs === 2);
  expect(ticks.slice(0, 2)).toEqual([undefined, undefined]);
  expect(linesOf(application, 'warn')).toEqual([
    'Jobs.nightly is fired at other times than its @Cron says, so it has no tick, and several workers may ' +
      'run it for one scheduled time. Set once: false, and give it a minHold',
  ]);
  expect(linesOf(application, 'log')[0]).toBe('Lock acquired: nightly (attempt 1)');
});

it('a job that was added at run time and fires a method with another @Cron uses up no tick of it', async () => {
  const application = await start({ imports, providers: [Jobs] });
  const ticks = ticksOf(application);
  const jobs = application.app.get(Jobs);
  const added = new CronJob('* * * * * *', jobs.nightly.bind(jobs) as () => Promise<never>);
  application.app.get(SchedulerRegistry, { strict: false }).addCronJob('added', added);
  added.start();
  await until(() => ticks.length > 0);
  expect(ticks[0]).toBeUndefined();
});

describe('a job that was added at run time', () => {
  @Injectable()
  class Unscheduled {
    @DistributedLock({ key: 'unscheduled' })
    async job(): Promise<void> {}

    @DistributedLock({ key: 'held', minHold: 5 })
    async held(): Promise<void> {}

    @DistributedLock({ key: 'deliberate', once: false })
    async deliberate(): Promise<void> {}

    @Interval(3_600_000)
    @DistributedLock({ key: 'interval' })
    async interval(): Promise<void> {}
  }

  const warning = (name: string): string =>
    `Cron job "${name}" was added at run time: a locked method that it calls has no tick, so several ` +
    'workers may run it for one scheduled time: Unscheduled.job. Wrap the job with ' +
    'onceAcrossWorkers of quorlock/cron, or give the method a minHold';

  it('a cron job that is added at run time is warned about, if locked methods have no tick', async () => {
    const application = await start({ imports, providers: [Unscheduled, Jobs] });
    const registry = application.app.get(SchedulerRegistry, { strict: false });
    expect(linesOf(application, 'warn')).toEqual([]);
    registry.addCronJob('dynamic', new CronJob('0 3 * * *', () => undefined));
    expect(linesOf(application, 'warn')).toEqual([warning('dynamic')]);
  });

  it('a cron job that is added while the application starts is warned about', async () => {
    @Injectable()
    class AddsEarly implements OnModuleInit {
      constructor(private readonly registry: SchedulerRegistry) {}
      onModuleInit(): void {
        this.registry.addCronJob('early', new CronJob('0 3 * * *', () => undefined));
      }
    }
    Reflect.defineMetadata('design:paramtypes', [SchedulerRegistry], AddsEarly);
    const application = await start({ imports, providers: [Unscheduled, AddsEarly] });
    expect(linesOf(application, 'warn')).toEqual([warning('early')]);
  });

  it('a cron job that onceAcrossWorkers has wrapped before it is added is not warned about', async () => {
    const application = await start({ imports, providers: [Unscheduled, Jobs] });
    const registry = application.app.get(SchedulerRegistry, { strict: false });
    const job = new CronJob('0 3 * * *', () => undefined);
    onceAcrossWorkers(application.app.get(LockManager), job, { key: 'wrapped' });
    registry.addCronJob('wrapped', job);
    expect(linesOf(application, 'warn')).toEqual([]);
    registry.addCronJob('plain', new CronJob('0 3 * * *', () => undefined));
    expect(linesOf(application, 'warn')).toEqual([warning('plain')]);
  });

  it('a cron job that is added at run time is not warned about, if all locked methods have ticks', async () => {
    const application = await start({ imports, providers: [Jobs] });
    const registry = application.app.get(SchedulerRegistry, { strict: false });
    registry.addCronJob('dynamic', new CronJob('0 3 * * *', () => undefined));
    expect(linesOf(application, 'warn')).toEqual([]);
  });
});

it('a locked method without a tick is warned about once when a cron job calls it', async () => {
  @Injectable()
  class Service {
    @DistributedLock({ key: 'service' })
    async work(): Promise<void> {
      runs++;
    }
  }

  @Injectable()
  class Caller {
    constructor(private readonly service: Service) {}

    @Cron('* * * * * *', { name: 'caller' })
    async job(): Promise<void> {
      await this.service.work();
    }
  }
  Reflect.defineMetadata('design:paramtypes', [Service], Caller);
  const application = await start({ imports, providers: [Service, Caller] });
  await until(() => runs > 1);
  expect(linesOf(application, 'warn')).toEqual([
    'Service.work is called by the cron job "caller" and has no tick, so several workers may run it for ' +
      'one scheduled time. Put @DistributedLock on the method with @Cron, or give this one a minHold',
  ]);
});
