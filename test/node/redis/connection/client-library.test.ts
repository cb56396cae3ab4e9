import { afterEach, describe, expect, it } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import { createClient, createClientPool, createCluster, createSentinel } from 'redis';
import { createClient as createClient6, createSentinel as createSentinel6 } from 'redis6';
import { LockManager, type NodeSource } from '../../../../src/index.js';
import { readNode } from '../../../../src/node/open-node.js';
import { until } from '../../../support/until.js';

const errorOf = (source: unknown): unknown => {
  try {
    readNode(source, 'nodes[0]');
    return undefined;
  } catch (error) {
    return error;
  }
};

const command = (): void => undefined;

/** Of the classes that these libraries export, as much as tells them apart. */
class GlideClient {
  get = command;
  incr = command;
  customCommand = command;
}
class RedisClient {
  readonly connection_options = {};
  readonly options = { host: 'canary' };
  duplicate(): RedisClient {
    return this;
  }
  get = command;
  incr = command;
}
class Upstash {
  get = command;
  incr = command;
}
class Redlock {
  readonly settings = { retryCount: 1 };
}

const url = 'redis://:canary@127.0.0.1:1';
const GROUP = { name: 'mymaster', sentinelRootNodes: [{ host: '127.0.0.1', port: 1 }] };

describe('a client of another library', () => {
  it.each<[string, unknown, string]>([
    ['createClientPool()', createClientPool({ url }), 'a pool of the package redis (node-redis)'],
    [
      'createClient() of redis 3',
      new RedisClient(),
      'a client of the package redis (node-redis) before version 5',
    ],
    ['a client that nobody knows', new Upstash(), 'an object with Redis commands (class Upstash)'],
    ['an object that is none', new Redlock(), 'an object of the class Redlock'],
    ['a URL', new URL(url), 'an object of the class URL'],
    ['a Map', new Map(), 'an object of the class Map'],
  ])('%s is refused as a node, and the error says what to give instead', (_name, source, what) => {
    const error = errorOf(source);
    expect(error).toBeInstanceOf(TypeError);
    const { message } = error as TypeError;
    expect(message).toContain(`nodes[0] is ${what}`);
    expect(message).toContain(
      'give its url, ioredis options such as { host, port }, or a client of ioredis, iovalkey or node-redis',
    );
    expect(message).not.toContain('canary');
  });

  it('a client of Valkey GLIDE has no duplicate: the error says how to give a function instead', () => {
    const error = errorOf(new GlideClient());
    expect(error).toBeInstanceOf(TypeError);
    expect((error as TypeError).message).toBe(
      'nodes[0] is a client of Valkey GLIDE, which is not supported: it has no duplicate, so give a ' +
        'function that makes one: { glide: () => …, host, port }',
    );
  });

  it.each<[string, unknown, string]>([
    ['a client in the place of the function', { glide: new GlideClient(), host: 'a' }, 'glide must be a'],
    ['no host', { glide: () => undefined }, 'glide needs host, and port: a client that is yet to be made'],
    ['a url as the host', { glide: () => undefined, host: url }, 'host must be a name or an IP address'],
    ['a wrong port', { glide: () => undefined, host: 'a', port: 0 }, 'port must be an integer from 1 to'],
    [
      'a password',
      { glide: () => undefined, host: 'a', password: 'canary' },
      'password must be given to the client that glide makes',
    ],
    [
      'durable',
      { glide: () => undefined, host: 'a', durable: true },
      'durable must not be given with glide, which may fail over unseen',
    ],
  ])('a node of Valkey GLIDE with %s is refused by name', (_name, source, what) => {
    const error = errorOf(source);
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).message.startsWith(`nodes[0]: ${what}`)).toBe(true);
    expect((error as Error).message).not.toContain('canary');
  });

  const nodeClientOptions = { password: 'canary' };

  it.each([
    ['createSentinel() of node-redis 5', () => createSentinel({ ...GROUP, nodeClientOptions })],
    ['createSentinel() of node-redis 6', () => createSentinel6({ ...GROUP, nodeClientOptions })],
  ])('the result of %s keeps its options to itself: the error says how to give them', (_name, create) => {
    const error = errorOf(create());
    expect(error).toBeInstanceOf(TypeError);
    expect((error as TypeError).message).toBe(
      'nodes[0] is the result of createSentinel() of the package redis (node-redis), which is not ' +
        'supported: it keeps its options to itself, so give ' +
        '{ createClient, sentinel: the options of createSentinel() }',
    );
  });

  it.each<[string, unknown, string]>([
    ['no createClient', { sentinel: GROUP }, 'createClient must be the function of the package redis'],
    ['a client in its place', { createClient: createClient(), sentinel: GROUP }, 'createClient must be the'],
    ['no options', { createClient }, 'sentinel must be the options of createSentinel(), and no client'],
    [
      'a client as options',
      { createClient, sentinel: createSentinel(GROUP) },
      'sentinel must be the options',
    ],
    [
      'no sentinels',
      { createClient, sentinel: { name: 'mymaster' } },
      'sentinel.sentinelRootNodes must be a list of { host, port }, at least one',
    ],
    [
      'a url as a sentinel',
      { createClient, sentinel: { ...GROUP, sentinelRootNodes: ['redis://:canary@a'] } },
      'a sentinel must be an object { host, port }',
    ],
    ['no name', { createClient, sentinel: { ...GROUP, name: '' } }, 'name must be the group of the master'],
    [
      'durable',
      { createClient, sentinel: GROUP, durable: true },
      'durable must not be true with sentinels: a failover loses the last writes',
    ],
    [
      'a wrong database',
      { createClient, sentinel: { ...GROUP, nodeClientOptions: { database: -1 } } },
      'db must be an integer from 0, got -1',
    ],
  ])('a master behind sentinels with %s is refused by name', (_name, source, what) => {
    const error = errorOf(source);
    expect(error).toBeInstanceOf(Error);
    const { message } = error as Error;
    expect(message.startsWith(`nodes[0]: ${what}`)).toBe(true);
    expect(message).not.toContain('canary');
  });

  it('a createClient that throws, or makes something else, is told as the reason', async () => {
    for (const [make, reason] of [
      [() => ({}) as never, 'createClient made no client of the package redis (node-redis) 5 or 6'],
      [
        () => {
          throw new Error('no such thing');
        },
        'no such thing',
      ],
    ] as const) {
      const locks = new LockManager({
        nodes: [{ createClient: make, sentinel: GROUP }],
        warn: () => undefined,
      });
      await until(() => locks.nodes()[0]!.status === 'unreachable');
      expect(locks.nodes()[0]!.reason).toBe(`none of the sentinels named a master: ${reason}`);
      await locks.close();
    }
  });

  it('a promise is refused: it was not awaited', () => {
    const error = errorOf(Promise.resolve(new GlideClient()));
    expect(error).toBeInstanceOf(TypeError);
    expect((error as TypeError).message).toBe('nodes[0] is a promise: await it before it becomes a node');
  });

  it('a manager refuses it before anything is opened, with maxStallMs too', () => {
    const nodes = ['redis://127.0.0.1:1', createClientPool({ url }) as unknown as NodeSource];
    expect(() => new LockManager({ nodes })).toThrow(/nodes\[1\] is a pool of the package redis/);
    expect(() => new LockManager({ nodes, maxStallMs: 100 })).toThrow(/nodes\[1\] is a pool of the package/);
  });
});

describe('what is a node still', () => {
  const open: { disconnect(): void }[] = [];
  afterEach(() => open.splice(0).forEach((client) => client.disconnect()));

  class Settings {
    readonly host = '10.0.0.1';
    readonly port = 7000;
  }

  it.each<[string, () => unknown, string]>([
    ['a url', () => 'redis://10.0.0.1:7000', '10.0.0.1:7000'],
    ['options', () => ({ host: '10.0.0.1', port: 7000 }), '10.0.0.1:7000'],
    [
      'options without a prototype',
      () => Object.assign(Object.create(null), { port: 7000 }),
      'localhost:7000',
    ],
    ['options of a class', () => new Settings(), '10.0.0.1:7000'],
    [
      'an ioredis client',
      () => {
        const client = new Redis({ host: '10.0.0.1', port: 7000, lazyConnect: true });
        open.push(client);
        return client;
      },
      '10.0.0.1:7000',
    ],
    [
      'createClient() of node-redis 5, by a url',
      () => createClient({ url: 'redis://user:canary@10.0.0.1:7000/2' }),
      '10.0.0.1:7000',
    ],
    [
      'createClient() of node-redis 6, by a socket',
      () => createClient6({ socket: { path: '/run/r.sock', tls: false } }),
      '/run/r.sock',
    ],
    [
      'createCluster() of node-redis',
      () =>
        createCluster({
          rootNodes: [{ url: 'redis://:canary@10.0.0.2:7000' }, { url: 'redis://10.0.0.1:7000' }],
        }),
      'cluster:10.0.0.1:7000',
    ],
    [
      'createClient and the options of createSentinel() of node-redis',
      () => ({ createClient, sentinel: GROUP }),
      'mymaster@127.0.0.1:1',
    ],
    [
      'a function that makes a client of Valkey GLIDE',
      () => ({ glide: () => undefined, host: '10.0.0.1', port: 7000 }),
      '10.0.0.1:7000',
    ],
    ['createClient() of node-redis without options', () => createClient(), 'localhost:6379'],
    [
      'an ioredis Cluster',
      () => {
        const cluster = new Cluster([{ host: '10.0.0.1', port: 7000 }], { lazyConnect: true });
        open.push(cluster);
        return cluster;
      },
      'cluster:10.0.0.1:7000',
    ],
    [
      'an object of the shape of a client',
      () => ({ options: { host: '10.0.0.1', port: 7000 }, duplicate: command }),
      '10.0.0.1:7000',
    ],
  ])('%s', (_name, make, name) => {
    expect(readNode(make(), 'nodes[0]').name).toBe(name);
  });
});
