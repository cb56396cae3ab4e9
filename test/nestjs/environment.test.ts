import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { LockManager, type LockEvent } from '../../src/index.js';
import { optionsFromEnvironment, type Environment } from '../../src/nestjs/environment.js';
import { DistributedLock, QuorlockModule } from '../../src/nestjs/index.js';
import { Log } from './support.js';

describe('the environment', () => {
  const redis = (host: string, port: number) => ({ nodes: [{ host, port }], fallback: 'none' });

  it.each<[Environment, object]>([
    [{ REDIS_ENABLED: 'true' }, redis('localhost', 6379)],
    [{ REDIS_ENABLED: 'TRUE', REDIS_HOST: 'cache.local' }, redis('cache.local', 6379)],
    [{ REDIS_ENABLED: '1', REDIS_HOST: ' cache.local ', REDIS_PORT: '6380' }, redis('cache.local', 6380)],
    [{ REDIS_ENABLED: 'yes', REDIS_HOST: '', REDIS_PORT: '' }, redis('localhost', 6379)],
    [
      { REDIS_ENABLED: 'On', QUORLOCK_FALLBACK: 'memory' },
      { ...redis('localhost', 6379), fallback: 'memory' },
    ],
    [
      { REDIS_HOST: 'unused', QUORLOCK_NODES: 'redis://:secret@10.0.0.1, rediss://10.0.0.2:7000/3' },
      { nodes: ['redis://:secret@10.0.0.1', 'rediss://10.0.0.2:7000/3'], fallback: 'none' },
    ],
    [
      { REDIS_ENABLED: 'true', QUORLOCK_NODES: 'redis://a' },
      { nodes: ['redis://a'], fallback: 'none' },
    ],
    [
      { QUORLOCK_NODES: 'redis://a', QUORLOCK_FALLBACK: ' postgres://u:secret@db/app ' },
      { nodes: ['redis://a'], fallback: { postgres: 'postgres://u:secret@db/app', migrate: false } },
    ],
    [
      {
        QUORLOCK_NODES: 'redis://a',
        QUORLOCK_FALLBACK: 'postgresql://db/app',
        QUORLOCK_FALLBACK_MIGRATE: 'yes',
      },
      { nodes: ['redis://a'], fallback: { postgres: 'postgresql://db/app', migrate: true } },
    ],
  ])('the environment %j enables Redis', (environment, options) => {
    expect(optionsFromEnvironment(environment)).toEqual({ options, warning: undefined });
  });

  it.each<[Environment, object]>([
    [{ REDIS_PASSWORD: 'secret' }, { password: 'secret' }],
    [{ REDIS_PASSWORD: ' a secret ' }, { password: ' a secret ' }],
    [
      { REDIS_USERNAME: 'app', REDIS_PASSWORD: 'secret' },
      { username: 'app', password: 'secret' },
    ],
    [{ REDIS_DB: '3' }, { db: 3 }],
    [{ REDIS_DB: '0' }, { db: 0 }],
    [{ REDIS_TLS: 'true' }, { tls: {} }],
    [{ REDIS_TLS: 'false' }, {}],
    [{ REDIS_USERNAME: '', REDIS_PASSWORD: '', REDIS_DB: '', REDIS_TLS: '' }, {}],
  ])('the environment %j describes the node at REDIS_HOST', (environment, login) => {
    expect(optionsFromEnvironment({ REDIS_ENABLED: '1', REDIS_HOST: 'h', ...environment })).toEqual({
      options: { nodes: [{ host: 'h', port: 6379, ...login }], fallback: 'none' },
      warning: undefined,
    });
  });

  it('the environment QUORLOCK_NODES has user and password in its urls, and takes no others', () => {
    const environment = {
      QUORLOCK_NODES: 'redis://a',
      REDIS_PASSWORD: 'secret',
      REDIS_DB: 'x',
      REDIS_TLS: '',
    };
    expect(optionsFromEnvironment(environment).options.nodes).toEqual(['redis://a']);
  });

  it.each([
    ['tcp://10.96.0.17:6379', undefined],
    ['tcp://[fd00::17]:6379', undefined],
    ['tcp://10.96.0.17:7000', 'Set REDIS_PORT=7000 if that is the server'],
  ])('the environment REDIS_PORT=%s is from Kubernetes and counts as unset', (port, warning) => {
    const found = optionsFromEnvironment({ REDIS_ENABLED: 'true', REDIS_HOST: 'redis', REDIS_PORT: port });
    expect(found.options).toEqual(redis('redis', 6379));
    expect(found.warning).toEqual(
      warning === undefined ? undefined : expect.stringMatching(new RegExp(`Kubernetes set it.*${warning}`)),
    );
  });

  it.each<[Environment, string]>([
    [{}, 'REDIS_ENABLED is not set'],
    [{ REDIS_ENABLED: '' }, 'REDIS_ENABLED is not set'],
    [{ REDIS_HOST: 'cache.local', REDIS_PORT: '6379' }, 'REDIS_ENABLED is not set'],
    [{ REDIS_ENABLED: 'false' }, 'REDIS_ENABLED is false'],
    [{ REDIS_ENABLED: '0' }, 'REDIS_ENABLED is 0'],
    [{ REDIS_ENABLED: 'No' }, 'REDIS_ENABLED is No'],
    [{ REDIS_ENABLED: 'off', QUORLOCK_NODES: 'redis://a' }, 'REDIS_ENABLED is off'],
  ])('the environment %j keeps locks in memory, with a warning', (environment, state) => {
    const { options, warning } = optionsFromEnvironment(environment);
    expect(options.nodes).toMatchObject([{ name: expect.stringContaining('memory') }]);
    expect(warning).toContain(state);
    expect(warning).toContain('does NOT prevent duplicates across different processes or servers');
  });

  it.each<[Environment, string]>([
    [
      { REDIS_ENABLED: 'treu' },
      'REDIS_ENABLED must be one of true, 1, yes, on, false, 0, no, off, got "treu"',
    ],
    [{ REDIS_ENABLED: 'true', REDIS_PORT: '0' }, 'REDIS_PORT must be an integer from 1 to 65535, got "0"'],
    [{ REDIS_ENABLED: 'true', REDIS_PORT: '65536' }, 'got "65536"'],
    [{ REDIS_ENABLED: 'true', REDIS_PORT: '63e2' }, 'got "63e2"'],
    [{ REDIS_ENABLED: 'true', REDIS_PORT: 'http://10.96.0.17:6379' }, 'got "http://10.96.0.17:6379"'],
    [
      { REDIS_ENABLED: 'true', REDIS_DB: '-1' },
      'REDIS_DB must be the number of a database, from 0, got "-1"',
    ],
    [{ REDIS_ENABLED: 'true', REDIS_DB: 'main' }, 'got "main"'],
    [{ REDIS_ENABLED: 'true', REDIS_TLS: 'tls' }, 'REDIS_TLS must be one of true, 1, yes, on, false'],
    [
      { REDIS_ENABLED: 'true', QUORLOCK_FALLBACK: 'postgres' },
      'QUORLOCK_FALLBACK must be none, memory or a postgres:// url, got "postgres"',
    ],
    [
      { REDIS_ENABLED: 'true', QUORLOCK_FALLBACK: 'postgress://u:secret@db/app' },
      'QUORLOCK_FALLBACK must be none, memory or a postgres:// url, got something else',
    ],
    ...['redis://:secret@cache', 'cache:6379', '10.0.0.1:6379', 'user:secret@cache'].map(
      (host): [Environment, string] => [
        { REDIS_ENABLED: 'true', REDIS_HOST: host },
        'REDIS_HOST must be a name or an IP address, without scheme, user and port: see REDIS_PORT',
      ],
    ),
    ...[';', ' ', '|'].map((separator): [Environment, string] => [
      { QUORLOCK_NODES: `redis://a:6379${separator}redis://:secret@b` },
      'QUORLOCK_NODES: entry 1 of 1 has several urls: separate them by commas',
    ]),
    [{ QUORLOCK_NODES: 'redis://a,,redis://b' }, 'QUORLOCK_NODES: entry 2 of 3 is empty'],
    [
      { QUORLOCK_NODES: 'redis://a,http://:secret@b' },
      'QUORLOCK_NODES: entry 2 of 2 is not a redis:// or rediss:// url',
    ],
    [
      { QUORLOCK_NODES: 'secret@10.0.0.1:6379' },
      'QUORLOCK_NODES: entry 1 of 1 is not a redis:// or rediss:// url',
    ],
    [
      { QUORLOCK_FALLBACK: 'postgres://u:secret@db/app', QUORLOCK_FALLBACK_MIGRATE: 'once' },
      'QUORLOCK_FALLBACK_MIGRATE must be one of',
    ],
  ])('the environment %j is refused, and the error has no secret', (environment, message) => {
    let error: unknown;
    try {
      optionsFromEnvironment(environment);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(RangeError);
    expect((error as Error).message).toContain(message);
    expect((error as Error).message).not.toContain('secret');
  });

  it('without Redis, locks are kept in the database that is given, and a warning says so', () => {
    const postgres = 'postgres://u:secret@db/app';
    expect(optionsFromEnvironment({ QUORLOCK_FALLBACK: postgres, REDIS_ENABLED: 'false' })).toEqual({
      options: { nodes: [{ postgres, migrate: false }] },
      warning: 'REDIS_ENABLED is false: locks are kept in the database of QUORLOCK_FALLBACK',
    });
  });
});

describe('forRoot() without nodes', () => {
  const names = ['REDIS_ENABLED', 'REDIS_HOST', 'REDIS_PORT', 'QUORLOCK_NODES', 'QUORLOCK_FALLBACK'];
  const before = Object.fromEntries(names.map((name) => [name, process.env[name]]));

  const set = (environment: Environment): void => {
    for (const name of names) {
      if (environment[name] === undefined) delete process.env[name];
      else process.env[name] = environment[name];
    }
  };

  beforeEach(() => set({}));
  afterEach(() => set(before));

  @Injectable()
  class Tasks {
    @DistributedLock({ key: 'hourly-task', ttl: '2h', retries: 0 })
    async job(): Promise<string> {
      return 'done';
    }
  }

  async function boot(environment: Environment, options: Parameters<typeof QuorlockModule.forRoot>[0] = {}) {
    const log = new Log();
    const events: LockEvent[] = [];
    const imports = [QuorlockModule.forRoot({ listeners: [(event) => events.push(event)], ...options })];

    @Module({ imports, providers: [Tasks] })
    class Root {}
    // After forRoot(): a .env file is read when the application starts.
    set(environment);
    const module = await Test.createTestingModule({ imports: [Root] })
      .setLogger(log)
      .compile();
    await module.init();
    return { module, log, events };
  }

  it('forRoot() without nodes locks in memory, with a warning, if Redis is not enabled', async () => {
    const { module, log, events } = await boot({});
    expect(await module.get(Tasks).job()).toBe('done');
    expect(log.of('Quorlock', 'warn')).toContainEqual(expect.stringContaining('REDIS_ENABLED is not set'));
    expect(events).toContainEqual(expect.objectContaining({ type: 'fallback', active: true }));
    await module.close();
  });

  it('forRoot() without nodes skips the job as unreachable if Redis is enabled and dead', async () => {
    const { module, log, events } = await boot({
      REDIS_ENABLED: 'true',
      REDIS_HOST: '127.0.0.1',
      REDIS_PORT: '1',
    });
    expect(await module.get(Tasks).job()).toBeUndefined();
    expect(events).toContainEqual(expect.objectContaining({ type: 'failed', reason: 'unreachable' }));
    expect(events.some(({ type }) => type === 'fallback')).toBe(false);
    expect(log.of('DistributedLock', 'error')).toHaveLength(1);
    await module.close();
  });

  it('QUORLOCK_FALLBACK=memory locks in memory while Redis is dead, with a warning', async () => {
    const environment = { QUORLOCK_NODES: 'redis://:secret@127.0.0.1:1', QUORLOCK_FALLBACK: 'memory' };
    const { module, log, events } = await boot(environment);
    expect(await module.get(Tasks).job()).toBe('done');
    expect(events).toContainEqual(expect.objectContaining({ type: 'fallback', active: true }));
    expect(log.of('Quorlock', 'warn')).not.toEqual([]);
    expect(JSON.stringify([log.lines, events])).not.toContain('secret');
    await module.close();
  });

  it('forRoot() without nodes takes its other options as they are given', async () => {
    const { module } = await boot(
      { REDIS_ENABLED: 'true', REDIS_PORT: '1' },
      { fallback: 'memory', keyPrefix: 'jobs:' },
    );
    expect(await module.get(Tasks).job()).toBe('done');
    await module.close();
  });

  it('forRoot() without nodes does not start with a bad variable', async () => {
    await expect(boot({ REDIS_ENABLED: 'treu' })).rejects.toThrow('REDIS_ENABLED must be one of');
  });

  it('forRoot() refuses nodes that are undefined, and does not read the environment', async () => {
    await expect(boot({}, { nodes: undefined as never })).rejects.toThrow('nodes');
  });

  it('a call may ask for a ttl above that of every decorator', async () => {
    const { module } = await boot({});
    const lease = await module.get(LockManager).acquire('by hand', { ttlMs: 7_200_000 });
    expect(lease.remainingMs()).toBeGreaterThan(3_600_000);
    await lease.release();
    const longer = await module.get(LockManager).acquire('other', { ttlMs: 7_200_001 });
    expect(longer.remainingMs()).toBeGreaterThan(7_000_000);
    await longer.release();
    await module.close();
  });
});
