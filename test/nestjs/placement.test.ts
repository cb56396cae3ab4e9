import { describe, expect, it } from '@jest/globals';
import { applyDecorators, Controller, Get, Injectable, SetMetadata } from '@nestjs/common';
import { Process } from '@nestjs/bull';
import { Processor, WorkerHost } from '@nestjs/bullmq';
import { ResolveField, Resolver } from '@nestjs/graphql';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { Cron, Interval } from '@nestjs/schedule';
import { currentLease } from '../../src/index.js';
import {
  DistributedLock,
  LeaderElection,
  LockedHandler,
  QuorlockModule,
  RunOnLeader,
} from '../../src/nestjs/index.js';
import { until } from '../support/until.js';
import { start, startWith } from './support.js';

const run = async (): Promise<string> => 'ran';

@Injectable()
class Scheduled {
  @Cron('0 0 1 1 *')
  @LockedHandler({ key: 'job' })
  async job(): Promise<string> {
    return run();
  }
}

@Injectable()
class Repeated {
  @LockedHandler({ key: 'job' })
  @Interval(1_000)
  async job(): Promise<string> {
    return run();
  }
}

@Injectable()
class Listener {
  // What @OnEvent of @nestjs/event-emitter writes.
  @SetMetadata('EVENT_LISTENER_METADATA', [{ event: 'paid' }])
  @LockedHandler({ key: 'job' })
  async job(): Promise<string> {
    return run();
  }
}

@Processor('queue')
class Consumer extends WorkerHost {
  @LockedHandler({ key: 'job' })
  override async process(): Promise<string> {
    return run();
  }
}

@Resolver('Invoice')
class Fields {
  @ResolveField()
  @LockedHandler({ key: 'job' })
  async total(): Promise<string> {
    return run();
  }
}

describe('@LockedHandler where Nest runs no interceptors', () => {
  it.each([
    [Scheduled, 'Scheduled.job', '@Cron, @Interval and @Timeout'],
    [Repeated, 'Repeated.job', '@Cron, @Interval and @Timeout'],
    [Listener, 'Listener.job', '@OnEvent'],
    [Consumer, 'Consumer.process', 'the jobs of a queue'],
    [Fields, 'Fields.total', "fields of GraphQL, unless fieldResolverEnhancers has 'interceptors'"],
  ])('stops the start, because it would lock nothing: %p', async (provider, method, where) => {
    await expect(start({ providers: [provider] })).rejects.toThrow(
      `${method} has @LockedHandler, and would run without its lock: ` +
        `Nest runs no interceptors for ${where}. Use @DistributedLock`,
    );
  });

  it('is allowed on fields of GraphQL that have interceptors', async () => {
    const useValue = { fieldResolverEnhancers: ['interceptors'] };
    const { log } = await start({ providers: [Fields, { provide: 'GqlModuleOptions', useValue }] });
    expect(log.of('DistributedLock', 'warn')).toEqual([]);
  });

  it('is warned about on a method that is no handler', async () => {
    @Injectable()
    class Service {
      @LockedHandler({ key: 'job' })
      async work(): Promise<string> {
        return run();
      }
    }
    const { log } = await start({ providers: [Service] });
    expect(log.of('DistributedLock', 'warn')).toEqual([
      expect.stringContaining('Service.work has @LockedHandler, and none of the decorators of a handler'),
    ]);
  });

  it('is refused at once on anything but a method of an instance', () => {
    const decorate = LockedHandler({ key: 'job' }) as (...args: readonly unknown[]) => void;
    class Handlers {}
    expect(() => decorate(Handlers, 'pay', { value: run })).toThrow('only a method of an instance');
    expect(() => decorate(Handlers.prototype, 'pay')).toThrow('only a method of an instance');
    expect(() => decorate(Handlers.prototype, 'pay', { get: run })).toThrow('only a method of an instance');
  });
});

it('@DistributedLock stops the start on a processor of Bull with a callback, whose refusal nobody would hear', async () => {
  @Injectable()
  class OfBull {
    @Process()
    @DistributedLock({ key: 'job' })
    async run(_job: unknown, done: () => void): Promise<void> {
      done();
    }
  }
  await expect(start({ providers: [OfBull] })).rejects.toThrow(
    'OfBull.run has @DistributedLock, and a second parameter: Bull gives it a callback there',
  );
});

@Controller()
class Routes {
  @Get()
  @RunOnLeader('boss')
  async get(): Promise<string> {
    return run();
  }
}

@Controller()
class RoutesAndEvents {
  @Get()
  @EventPattern('paid')
  @RunOnLeader('boss')
  async both(_data: unknown): Promise<string> {
    return run();
  }
}

@Controller()
class Messages {
  @MessagePattern('sum')
  @RunOnLeader('boss')
  async sum(): Promise<string> {
    return run();
  }
}

@Processor('queue')
class LedConsumer extends WorkerHost {
  @RunOnLeader('boss')
  override async process(): Promise<string> {
    return run();
  }
}

describe('@RunOnLeader where somebody waits for the result', () => {
  it.each([
    ['Routes.get', { controllers: [Routes] }],
    ['RoutesAndEvents.both', { controllers: [RoutesAndEvents] }],
    ['Messages.sum', { controllers: [Messages] }],
    ['LedConsumer.process', { providers: [LedConsumer] }],
  ])('stops the start, because others would answer with nothing: %s', async (method, metadata) => {
    await expect(start(metadata)).rejects.toThrow(
      `${method} has @RunOnLeader, and whoever calls it waits for its result`,
    );
  });

  it('is allowed for events, for which nobody waits', async () => {
    @Controller()
    class Events {
      @EventPattern('paid')
      @RunOnLeader('boss')
      async onPaid(_data: unknown): Promise<string> {
        return run();
      }
    }
    await expect(start({ controllers: [Events] })).resolves.toBeDefined();
  });
});

it('applyDecorators() of Nest composes them with other decorators', async () => {
  const Job = (key: string): MethodDecorator => applyDecorators(Cron('0 0 1 1 *'), DistributedLock({ key }));
  const Led = (): MethodDecorator => applyDecorators(Cron('0 0 1 1 *'), RunOnLeader('boss'));

  @Injectable()
  class Composed {
    @Job('composed')
    async job(): Promise<unknown> {
      return currentLease()?.resources;
    }

    @Led()
    async led(): Promise<unknown> {
      return currentLease()?.resources;
    }
  }
  const { app } = await start({ providers: [Composed] });
  expect(await app.get(Composed).job()).toEqual(['composed']);
  await until(() => app.get(LeaderElection).isLeader('boss'));
  expect(await app.get(Composed).led()).toEqual(['boss']);
});

it.each([
  [undefined, 'QuorlockModule takes an object of options, got undefined from its factory'],
  ['redis://10.0.0.1', "QuorlockModule takes an object of options, got 'redis://10.0.0.1' from its factory"],
  [{ name: 'billing' }, 'QuorlockModule: name stands beside the factory, not in what it gives'],
])('a factory that gives %p stops the start with the reason', async (given, reason) => {
  const imports = [QuorlockModule.forRootAsync({ useFactory: () => given as object })];
  await expect(startWith({ imports })).rejects.toThrow(reason);
});
