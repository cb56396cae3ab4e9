import { describe, expect, it } from '@jest/globals';
import { Controller, Get, Injectable } from '@nestjs/common';
import { Cron, CronExpression } from '@nestjs/schedule';
import { currentLease, LockManager, LockNotAcquiredError } from '../../src/index.js';
import { DistributedLock, LockedHandler, type DistributedLockOptions } from '../../src/nestjs/index.js';
import { until } from '../support/until.js';
import { listen, start } from './support.js';

const keys = (): readonly string[] | undefined => currentLease()?.resources;

interface User {
  readonly id: unknown;
}

@Injectable()
class Accounts {
  @DistributedLock({ key: ['a', 'b'], onHeld: 'throw' })
  async list(): Promise<unknown> {
    return keys();
  }

  @DistributedLock({ key: (from: string, to: string) => [`account:${from}`, `account:${to}`] })
  async transfer(_from: string, _to: string): Promise<unknown> {
    return keys();
  }

  @DistributedLock({ key: 'user', keyPath: 'user.id' })
  async byPath(_call: { readonly user?: User }): Promise<unknown> {
    return keys();
  }

  @DistributedLock({ keyPath: '1.id' })
  async bySecond(_reason: string, _user: User): Promise<unknown> {
    return keys();
  }

  @DistributedLock({ key: 'forever', onHeld: 'wait', wait: true, backoff: 'exponential' })
  async waits(): Promise<unknown> {
    return keys();
  }
}

describe('the keys of a method', () => {
  it.each([
    [undefined, 'the key of Given.job must be a string, got undefined'],
    [null, 'the key of Given.job must be a string, got null'],
    [['a', 7], 'the key of Given.job must be a string, got 7'],
    [[], 'the key of Given.job must name at least one resource, got []'],
    ['a\nb', 'the key of Given.job must not have control characters'],
  ])('a call whose key function gives %j names the method', async (given, message) => {
    @Injectable()
    class Given {
      @DistributedLock({ key: () => given as string })
      async job(): Promise<void> {}
    }
    const { app } = await start({ providers: [Given] });
    await expect(app.get(Given).job()).rejects.toThrow(message);
  });

  it('a request whose key function gives nothing gets 500, and the log names the handler', async () => {
    @Controller()
    class Orders {
      @Get('order')
      @LockedHandler({ key: () => undefined as unknown as string })
      order(): string {
        return 'ordered';
      }
    }
    const application = await start({ controllers: [Orders] });
    const url = await listen(application);
    expect((await fetch(`${url}/order`)).status).toBe(500);
    expect(application.log.of('ExceptionsHandler', 'error').join()).toContain(
      'the key of Orders.order must be a string, got undefined',
    );
  });

  it('several keys are locked all or nothing, under the name of all of them', async () => {
    const { app, events } = await start({ providers: [Accounts] });
    const accounts = app.get(Accounts);
    expect(await accounts.list()).toEqual(['a', 'b']);
    expect(events).toContainEqual({ type: 'declared', name: 'a, b' });
    const held = await app.get(LockManager).acquire('b');
    await expect(accounts.list()).rejects.toBeInstanceOf(LockNotAcquiredError);
    const free = await app.get(LockManager).acquire('a');
    await Promise.all([held.release(), free.release()]);
  });

  it('a key function may give several keys', async () => {
    const { app, log } = await start({ providers: [Accounts] });
    expect(await app.get(Accounts).transfer('1', '2')).toEqual(['account:1', 'account:2']);
    expect(log.of('DistributedLock')).toContain('Lock acquired: account:1, account:2 (attempt 1)');
  });

  it('a path leads to the value of the call that the key ends with', async () => {
    const { app, events } = await start({ providers: [Accounts] });
    const accounts = app.get(Accounts);
    expect(await accounts.byPath({ user: { id: 'ada' } })).toEqual(['user:ada']);
    expect(await accounts.byPath({ user: { id: 7 } })).toEqual(['user:7']);
    expect(await accounts.bySecond('why', { id: 7n })).toEqual(['tests:Accounts.bySecond:7']);
    const names = events.flatMap((event) => (event.type === 'acquired' ? [event.name] : []));
    expect(names).toEqual(['user', 'user', 'Accounts.bySecond']);
  });

  it('a path that leads to no key rejects the call, and the method does not run', async () => {
    const { app } = await start({ providers: [Accounts] });
    const accounts = app.get(Accounts);
    const wrong = (value: string): string =>
      `keyPath 'user.id' of the lock "user" leads to ${value}, which is no key`;
    await expect(accounts.byPath({})).rejects.toThrow(new TypeError(wrong('undefined')));
    await expect(accounts.byPath({ user: { id: '' } })).rejects.toThrow(new TypeError(wrong("''")));
    await expect(accounts.byPath({ user: { id: NaN } })).rejects.toThrow(new TypeError(wrong('NaN')));
    await expect(accounts.byPath({ user: { id: {} } })).rejects.toThrow(new TypeError(wrong('{}')));
  });

  it('wait: true waits until the lock is free, or the application is shut down', async () => {
    const { app, events } = await start({ providers: [Accounts] });
    const locks = app.get(LockManager);
    const held = await locks.acquire('forever');
    const first = app.get(Accounts).waits();
    await until(() => events.some(({ type }) => type === 'waiting'));
    await held.release();
    expect(await first).toEqual(['forever']);
    await locks.acquire('forever');
    const second = app.get(Accounts).waits();
    locks.drain();
    await expect(second).rejects.toMatchObject({ code: 'LOCK_MANAGER_CLOSED' });
  });
});

it('the path of a handler begins in its request', async () => {
  @Controller()
  class Invoices {
    @Get('pay/:id')
    @LockedHandler({ key: 'invoice', keyPath: 'params.id' })
    pay(): string {
      return String(keys());
    }

    @Get('many')
    @LockedHandler({ key: async () => ['a', 'b'] })
    many(): string {
      return String(keys());
    }
  }
  const url = await listen(await start({ controllers: [Invoices] }));
  expect(await (await fetch(`${url}/pay/7`)).text()).toBe('invoice:7');
  expect(await (await fetch(`${url}/many`)).text()).toBe('a,b');
});

it('a @Cron method with a list of keys needs once: false', async () => {
  class Listed {
    @Cron(CronExpression.EVERY_HOUR)
    @DistributedLock({ key: ['a', 'b'] })
    async job(): Promise<void> {}
  }
  await expect(start({ providers: [Listed] })).rejects.toThrow(
    'Listed.job: a list of keys needs once: false: a tick is recorded under one key',
  );
});

it('methods that share one key of a list are warned about', async () => {
  @Injectable()
  class Shared {
    @DistributedLock({ key: ['a', 'b'] })
    async one(): Promise<void> {}

    @DistributedLock({ key: 'b' })
    async other(): Promise<void> {}
  }
  const { log } = await start({ providers: [Shared] });
  expect(log.of('DistributedLock', 'warn')).toEqual([
    'Shared.one and Shared.other have the same lock key "b": only one of them runs at a time',
  ]);
});

it.each<[object, string]>([
  [{ key: [] }, 'key must name at least one resource, got []'],
  [{ key: ['a', 7] }, 'key must be a string, got 7'],
  [{ key: 7 }, 'key must be a string or a function, got 7; or a list of strings'],
  [{ keyPath: 7 }, 'keyPath must be a string, got 7'],
  [{ keyPath: 'user..id' }, "names with dots between them, such as 'user.id', got 'user..id'"],
  [{ key: ['a'], keyPath: 'id' }, 'keyPath continues a key that is a string'],
  [{ key: () => 'a', keyPath: 'id' }, 'keyPath continues a key that is a string'],
  [{ backoff: 'linear' }, "backoff must be one of 'constant', 'exponential', got 'linear'"],
  [{ wait: true }, "wait (true) needs onHeld: 'wait'"],
])('keys and waits that cannot be are refused when the class is defined (%#)', (options, message) => {
  const lock = DistributedLock(options as DistributedLockOptions);
  expect(() => lock(Accounts.prototype, 'any', { value: async () => undefined })).toThrow(message);
});
