import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Inject, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { LockManager } from '../../src/index.js';
import { DistributedLock, QuorlockModule, type QuorlockModuleOptions } from '../../src/nestjs/index.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { startChild } from '../support/child.js';
import { until } from '../support/until.js';
import { startWith } from './support.js';

let redis: RedisServers;
beforeAll(async () => {
  redis = await startRedis({ count: 1 });
});
afterAll(() => redis?.stop());

/** The connections to the server, except for the one that asks. */
async function connections(): Promise<number> {
  const client = redis.servers[0]!.client();
  const list = (await client.call('CLIENT', 'LIST')) as string;
  client.disconnect();
  return list
    .trim()
    .split('\n')
    .filter((line) => !line.includes('cmd=client')).length;
}

/** How many connections the server has accepted so far. Asking is one of them. */
async function connectionsMade(): Promise<number> {
  const client = redis.servers[0]!.client();
  const stats = await client.info('stats');
  client.disconnect();
  return Number(/total_connections_received:(\d+)/.exec(stats)?.[1]);
}

describe('an application that does not start', () => {
  it.each<[string, object]>([
    ['drainMs', { drainMs: -1 }],
    ['strictKeys', { strictKeys: 'yes' }],
    ['listeners', { listeners: ['metrics'] }],
    ['maxStallMs', { maxStallMs: -1 }],
  ])('a bad %s leaves no connection open', async (_option, options) => {
    const nodes = [redis.servers[0]!.options];
    const module = QuorlockModule.forRoot({ nodes, ...(options as Partial<QuorlockModuleOptions>) });
    await expect(startWith({ imports: [module] })).rejects.toThrow();
    await until(async () => (await connections()) === 0, { what: 'no connection to be open' });
  });

  it.each(['constructor', 'onModuleInit', 'onApplicationBootstrap'])(
    'an error in %s of another provider lets the process end, without a connection',
    async (hook) => {
      const made = await connectionsMade();
      const { path } = redis.servers[0]!;
      const child = startChild(new URL('./failed-start-child.ts', import.meta.url), { args: [path, hook] });
      expect(await child.exit).toEqual({ code: 0, signal: null });
      expect(child.output.trim()).toBe('the start fails');
      expect((await connectionsMade()) - made).toBe(1);
    },
  );

  it('an error of the module itself leaves no connection open, although a lock was used before', async () => {
    @Injectable()
    class Early {
      constructor(@Inject(LockManager) private readonly locks: LockManager) {}

      async onModuleInit(): Promise<void> {
        await this.locks.withLock('early', () => undefined);
      }
    }
    class Tasks {
      @DistributedLock({ key: 'same' })
      async one(): Promise<void> {}

      @DistributedLock({ key: 'same' })
      async other(): Promise<void> {}
    }
    const module = QuorlockModule.forRoot({
      nodes: [redis.servers[0]!.options],
      strictKeys: true,
      isGlobal: false,
    });
    @Module({ imports: [module], providers: [Early, Tasks] })
    class App {}
    const options = { abortOnError: false, logger: false } as const;
    await expect(NestFactory.createApplicationContext(App, options)).rejects.toThrow('same lock key');
    await until(async () => (await connections()) === 0, { what: 'no connection to be open' });
  });

  it('a testing module that is compiled and never started leaves no connection open', async () => {
    const made = await connectionsMade();
    const module = QuorlockModule.forRoot({ nodes: [redis.servers[0]!.options] });
    await Test.createTestingModule({ imports: [module] }).compile();
    expect((await connectionsMade()) - made).toBe(1);
  });
});
