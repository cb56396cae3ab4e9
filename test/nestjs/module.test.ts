import { describe, expect, it } from '@jest/globals';
import { Inject, Injectable, Module, Scope } from '@nestjs/common';
import { Cron } from '@nestjs/schedule';
import { Test } from '@nestjs/testing';
import { currentLease, LockManager, memoryNode } from '../../src/index.js';
import {
  DistributedLock,
  getLockManagerToken,
  InjectLockManager,
  LockedHandler,
  QuorlockModule,
  RunOnLeader,
} from '../../src/nestjs/index.js';
import { until } from '../support/until.js';
import { Log, start, startWith } from './support.js';

@Injectable()
class Tasks {
  @DistributedLock({ key: 'job' })
  async job(): Promise<string> {
    return 'done';
  }
}

const inMemory = { nodes: [memoryNode()], drainMs: 0 };

describe('the module', () => {
  it('the module provides the manager by its class, by its token and by @InjectLockManager()', async () => {
    @Injectable()
    class Service {
      constructor(
        @Inject(LockManager) readonly byClass: LockManager,
        @InjectLockManager() readonly byDecorator: LockManager,
      ) {}
    }
    const { app } = await start({ providers: [Service] });
    const { byClass, byDecorator } = app.get(Service);
    expect(byClass).toBeInstanceOf(LockManager);
    expect(byDecorator).toBe(byClass);
    expect(app.get(getLockManagerToken())).toBe(byClass);
  });

  it('the module takes its options from a factory, which may be async and inject', async () => {
    const settings = { provide: 'SETTINGS', useValue: { prefix: 'jobs:' } };

    @Module({ providers: [settings], exports: [settings] })
    class SettingsModule {}
    const module = QuorlockModule.forRootAsync({
      imports: [SettingsModule],
      inject: ['SETTINGS'],
      useFactory: async ({ prefix }: { prefix: string }) => ({ ...inMemory, keyPrefix: prefix }),
    });
    const { app } = await startWith({ imports: [module], providers: [Tasks] });
    expect(await app.get(Tasks).job()).toBe('done');
  });

  it('several instances of the module lock on nodes of their own', async () => {
    @Injectable()
    class Both {
      constructor(@InjectLockManager('billing') readonly billing: LockManager) {}

      @DistributedLock({ key: 'same' })
      async here(): Promise<string | undefined> {
        return this.there();
      }

      @DistributedLock({ key: 'same', locks: 'billing' })
      async there(): Promise<string | undefined> {
        return currentLease()!.resources[0];
      }
    }
    const billing = QuorlockModule.forRoot({
      ...inMemory,
      nodes: [memoryNode()],
      name: 'billing',
      strictKeys: true,
    });
    const { app, log } = await start({ imports: [billing], providers: [Both] }, { strictKeys: true });
    expect(await app.get(Both).here()).toBe('same');
    expect(app.get(getLockManagerToken('billing'))).toBe(app.get(Both).billing);
    expect(app.get(Both).billing).not.toBe(app.get(LockManager));
    expect(log.of('DistributedLock', 'warn')).toEqual([]);
  });

  it.each([
    [{ drainMs: -1 }, 'drainMs must be an integer from 0 to 2147483647, got -1'],
    [{ drainMs: Number.NaN }, 'got NaN'],
    [{ drainMs: '5' }, "got '5'"],
    [{ strictKeys: 'true' }, "strictKeys must be true or false, got 'true'"],
    [{ listeners: () => undefined }, 'listeners must be a list of functions'],
    [{ listeners: ['metrics'] }, 'subscribe takes a function'],
    [{ retry: 3 }, 'QuorlockModule: unknown option "retry"; the options are nodes, '],
    [
      { drain: 3 },
      /here it is drainMs, .* the options are .*keyPrefix, .*listeners, drainMs, .*name, isGlobal$/,
    ],
    [{ ttl: 3 }, 'QuorlockModule: unknown option "ttl": here it is ttlMs, in milliseconds'],
    [{ name: '' }, "name must be a text that is not empty, got ''"],
    [{ isGlobal: 'yes' }, "isGlobal must be true or false, got 'yes'"],
  ])('the module refuses %p', async (options, message) => {
    await expect(
      (async () =>
        startWith({ imports: [QuorlockModule.forRoot({ ...inMemory, ...(options as object) })] }))(),
    ).rejects.toThrow(message);
  });

  it.each([undefined, null, {}, { useFactory: 'settings' }, { nodes: [memoryNode()] }])(
    'forRootAsync() refuses %p, which gives no options',
    (options) => {
      expect(() => QuorlockModule.forRootAsync(options as object)).toThrow(
        'QuorlockModule.forRootAsync takes an object with useFactory, useClass or useExisting',
      );
    },
  );

  it('forRootAsync() does not show what it refuses: there may be a password in it', () => {
    const options = { nodes: 'redis://:s3cret@a', password: 's3cret' } as object;
    expect(() => QuorlockModule.forRootAsync(options)).toThrow(/got an object with nodes, password; forRoot/);
  });

  it('an option that is undefined has its default', async () => {
    class Long {
      @DistributedLock({ ttl: '2h' })
      async job(): Promise<void> {}
    }
    expect(Long.name).toBe('Long');
    const options = {
      listeners: undefined,
      strictKeys: undefined,
      name: undefined,
      isGlobal: undefined,
      maxTtlMs: undefined,
      warn: undefined,
      ttlMs: undefined,
      fallback: undefined,
    };
    const nodes = [memoryNode({ name: 'a' }), memoryNode({ name: undefined })];
    const { app, log } = await start({ providers: [Tasks] }, { ...options, nodes });
    expect(await app.get(Tasks).job()).toBe('done');
    expect(log.of('Quorlock', 'warn')).toContainEqual(expect.stringContaining('even number of members'));
    await (await app.get(LockManager).acquire('long', { ttlMs: 7_200_000 })).release();
  });

  it('the module takes a ttl above its maxTtlMs', async () => {
    @Injectable()
    class Long {
      @DistributedLock({ ttl: 90 })
      async job(): Promise<void> {}
    }
    const { app } = await start({ providers: [Long] }, { maxTtlMs: 60_000 });
    await expect(app.get(Long).job()).resolves.toBeUndefined();
  });

  it.each([
    ['30s' as unknown as number, "ttlMs must be a number, got '30s'"],
    [Number.NaN, 'ttlMs must be an integer from 10 to 9007199254740991, got NaN'],
    [90_000.5, 'ttlMs must be an integer from 10 to 9007199254740991, got 90000.5'],
  ])('a module with the ttlMs %p says that it is this option', async (ttlMs, message) => {
    await expect(start({}, { ttlMs })).rejects.toThrow(message);
  });

  it('the module takes a ttlMs above the greatest maxTtlMs', async () => {
    const { app } = await start({ providers: [Tasks] }, { ttlMs: 2 ** 31 });
    await expect(app.get(Tasks).job()).resolves.toBe('done');
  });

  it.each([
    [{ ttlMs: 20_000, maxTtlMs: 30_000 }, { minHold: 50 }, 'minHold (50 s) must not be above ttl (20 s)'],
    [{ minHoldMs: 20_000 }, { ttl: 10 }, 'minHold (20 s) must not be above ttl (10 s)'],
    [{ maxHoldMs: 90_000 }, { ttl: '2m' as const }, 'maxHold (90 s) must not be below ttl (120 s)'],
  ])('a module with %j refuses a method with %j', async (options, settings, message) => {
    @Injectable()
    class Holding {
      @DistributedLock(settings)
      async job(): Promise<void> {}
    }
    await expect(start({ providers: [Holding] }, options)).rejects.toThrow(`Holding.job: ${message}`);
  });

  it('a short ttl shortens the node timeout of the module', async () => {
    @Injectable()
    class Short {
      @DistributedLock({ ttl: 3 })
      async job(): Promise<string> {
        return 'done';
      }
    }
    const { app } = await start({ providers: [Short] }, { nodeTimeoutMs: 2_000 });
    expect(await app.get(Short).job()).toBe('done');
  });
});

describe('a decorated class', () => {
  it('a decorated class does not start without the module, and the error says what is missing', async () => {
    await expect(startWith({ providers: [Tasks] })).rejects.toThrow(
      '@DistributedLock needs QuorlockModule.forRoot() among the imports',
    );
  });

  it('neither a class that names a module nor a locked handler starts without its module', async () => {
    @Injectable()
    class Named {
      @DistributedLock({ locks: 'billing' })
      async job(): Promise<void> {}
    }
    await expect(start({ providers: [Named] })).rejects.toThrow(
      "QuorlockModule.forRoot({ name: 'billing' })",
    );

    class Controller {
      @LockedHandler()
      pay(): void {}
    }
    await expect(startWith({ controllers: [Controller] })).rejects.toThrow('from QuorlockModule.forRoot()');
  });

  it('a decorated method does not run on an instance without a lock service', async () => {
    const outside = new Tasks();
    await expect(outside.job()).rejects.toThrow(
      'Tasks.job has no lock service, so it does not run: @DistributedLock needs QuorlockModule.forRoot()',
    );
    const { job } = outside;
    await expect(job()).rejects.toThrow('job has @DistributedLock and was called without its instance');
  });

  it('instances from a factory and values are locked too', async () => {
    const value = new Tasks();
    const { app } = await start({
      providers: [
        { provide: 'VALUE', useValue: value },
        { provide: 'FACTORY', useFactory: async () => new Tasks() },
        { provide: 'NULL', useValue: null },
        { provide: 'BARE', useValue: Object.create(null) as object },
      ],
    });
    expect(await app.get<Tasks>('VALUE').job()).toBe('done');
    expect(await app.get<Tasks>('FACTORY').job()).toBe('done');
  });

  it('a locked method of a base class is locked under the name of the subclass', async () => {
    abstract class Base {
      @DistributedLock()
      async run(): Promise<readonly string[]> {
        return currentLease()!.resources;
      }
    }

    @Injectable()
    class First extends Base {}

    @Injectable()
    class Second extends Base {
      @DistributedLock()
      override async run(): Promise<readonly string[]> {
        return super.run();
      }
    }
    const { app, log } = await start({ providers: [First, Second] }, { strictKeys: true });
    expect(await app.get(First).run()).toEqual(['tests:First.run']);
    expect(await app.get(Second).run()).toEqual(['tests:Second.run']);
    expect(log.of('DistributedLock', 'warn')).toEqual([]);
  });

  it('two methods with the same key cause a warning, or an error with strictKeys', async () => {
    @Injectable()
    class Other {
      @DistributedLock({ key: 'job' })
      async cleanUp(): Promise<void> {}
    }
    const message =
      'Tasks.job and Other.cleanUp have the same lock key "job": only one of them runs at a time';
    const { log } = await start({ providers: [Tasks, Other] });
    expect(log.of('DistributedLock', 'warn')).toEqual([message]);
    await expect(start({ providers: [Tasks, Other] }, { strictKeys: true })).rejects.toThrow(message);
  });

  it('a lock key that is the name of an election causes a warning, or an error with strictKeys', async () => {
    @Injectable()
    class Led {
      @RunOnLeader('job')
      async one(): Promise<void> {}
      @RunOnLeader('job')
      async other(): Promise<void> {}
    }
    const message =
      'Tasks.job and the election "job" have the same lock key "job": only one of them runs at a time';
    const { log } = await start({ providers: [Tasks, Led] });
    expect(log.of('DistributedLock', 'warn')).toEqual([message]);
    await expect(start({ providers: [Tasks, Led] }, { strictKeys: true })).rejects.toThrow(message);
    // Two methods on one leader share it on purpose.
    expect((await start({ providers: [Led] })).log.of('DistributedLock', 'warn')).toEqual([]);
  });

  it('two classes with the same name and no keys cause a warning', async () => {
    const named = (): new () => object => {
      @Injectable()
      class Worker {
        @DistributedLock()
        async run(): Promise<void> {}
      }
      return Worker;
    };
    const { log } = await start({ providers: [named(), named()] });
    expect(log.of('DistributedLock', 'warn')).toEqual([
      expect.stringContaining('have the same lock key "tests:Worker.run"'),
    ]);
  });

  it('a class that is a provider of two modules causes no warning', async () => {
    @Module({ providers: [Tasks] })
    class First {}

    @Module({ providers: [Tasks] })
    class Second {}
    const { log } = await start({ imports: [First, Second] }, { strictKeys: true });
    expect(log.of('DistributedLock', 'warn')).toEqual([]);
  });

  it.each([
    [
      Scope.REQUEST,
      'Passing.job never runs: its provider is request-scoped, and Nest does not schedule those',
    ],
    [Scope.TRANSIENT, 'Passing.job runs on an object whose constructor never ran: its provider is transient'],
  ])(
    'a class of scope %p with @Cron causes a warning, and is locked if it is resolved',
    async (scope, warning) => {
      @Injectable({ scope })
      class Passing {
        @Cron('0 0 1 1 *')
        @DistributedLock({ key: 'passing' })
        async job(): Promise<string> {
          return 'done';
        }
      }
      const { app, log } = await start({ providers: [Passing] });
      expect(log.of('DistributedLock', 'warn')).toEqual([warning]);
      expect(await (await app.resolve(Passing)).job()).toBe('done');
    },
  );

  it('a decorated class needs the module among its imports if the module is not global', async () => {
    const local = (): ReturnType<typeof QuorlockModule.forRoot> =>
      QuorlockModule.forRoot({ ...inMemory, isGlobal: false });

    @Module({ providers: [Tasks] })
    class Without {}
    const compile = (imports: object[]) =>
      Test.createTestingModule({ imports: imports as never[] })
        .setLogger(new Log())
        .compile();
    await expect(compile([local(), Without])).rejects.toThrow('among the imports');

    @Module({ imports: [local()], providers: [Tasks] })
    class With {}
    const module = await compile([With]);
    await module.init();
    expect(await module.get(Tasks, { strict: false }).job()).toBe('done');
    await module.close();
  });
});

@Injectable()
class Led {
  @RunOnLeader('boss')
  async run(): Promise<string> {
    return 'ran';
  }
}

describe('several imports of the module by one name', () => {
  const times = (...options: object[]) => {
    const modules = options.map((own) => QuorlockModule.forRoot({ ...inMemory, ...own }));
    return startWith({ imports: modules, providers: [Led, Tasks] });
  };

  it('are warned about once, and the application leads where its methods run', async () => {
    const { app, log } = await times({}, {});
    expect(log.of('DistributedLock', 'warn')).toEqual([
      'QuorlockModule is imported 2 times with the name "default": each has connections of its own. ' +
        'It is global: import it once',
    ]);
    await until(() => log.of('DistributedLock', 'log').some((line) => line.startsWith('Elected')));
    expect(await app.get(Led).run()).toBe('ran');
  });

  it.each([
    ['nodes', { nodes: [memoryNode({ name: 'other' })] }],
    ['keyPrefix', { keyPrefix: 'other:' }],
  ])(
    'stop the start if they lock elsewhere, because they would not exclude each other: %s',
    async (_, own) => {
      await expect(times({}, own)).rejects.toThrow(
        'QuorlockModule is imported 2 times with the name "default", to lock on different nodes',
      );
    },
  );

  it('are allowed where none of them is global', async () => {
    const local = (node: string) =>
      QuorlockModule.forRoot({ ...inMemory, nodes: [memoryNode({ name: node })], isGlobal: false });

    @Module({ imports: [local('a')], providers: [Tasks] })
    class First {}

    @Module({ imports: [local('b')], providers: [Tasks] })
    class Second {}
    const { app, log } = await startWith({ imports: [First, Second] });
    expect(log.of('DistributedLock', 'warn')).toEqual([]);
    expect(await app.select(First).get(Tasks).job()).toBe('done');
    expect(await app.select(Second).get(Tasks).job()).toBe('done');
  });
});

it('an object that several applications share is locked by one that has not ended', async () => {
  const tasks = new Tasks();
  const begin = () => start({ providers: [{ provide: Tasks, useValue: tasks }] });
  const first = await begin();
  const second = await begin();
  await first.app.close();
  expect(await tasks.job()).toBe('done');
  await second.app.close();
  expect(await tasks.job()).toBeUndefined();
  await begin();
  expect(await tasks.job()).toBe('done');
});
