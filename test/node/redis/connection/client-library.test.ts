import { afterEach, describe, expect, it } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import { createClient, createClientPool, createCluster, createSentinel } from 'redis';
import { createClient as createClient6 } from 'redis6';
import { LockManager, type NodeSource } from '../../../../src/index.js';
import { readNode } from '../../../../src/node/open-node.js';

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

describe('a client of another library', () => {
  it.each<[string, unknown, string]>([
    ['createClientPool()', createClientPool({ url }), 'a pool of the package redis (node-redis)'],
    [
      'createSentinel()',
      createSentinel({ name: 'mymaster', sentinelRootNodes: [{ host: '127.0.0.1', port: 1 }] }),
      'the result of createSentinel() of the package redis (node-redis)',
    ],
    [
      'createClient() of redis 3',
      new RedisClient(),
      'a client of the package redis (node-redis) before version 5',
    ],
    ['Valkey GLIDE', new GlideClient(), 'a client of Valkey GLIDE'],
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
    ['no options at all', () => ({}), 'localhost:6379'],
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
