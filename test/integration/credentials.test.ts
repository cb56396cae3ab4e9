import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import { createClient } from 'redis';
import { createClient as createClient6 } from 'redis6';
import type { Credential, LockManager, NodeSource } from '../../src/index.js';
import { LockManagers } from '../support/lock-managers.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import type { RedisServer } from '../support/redis-server.js';
import { startSentinels } from '../support/sentinels.js';
import { until } from '../support/until.js';

const FIRST = 'first-password';
const SECOND = 'second-password';

let redis: RedisServers;
let server: RedisServer;
let operator: Redis;
let many: LockManagers;

beforeAll(async () => {
  redis = await startRedis({ count: 1, tcp: true });
  server = redis.servers[0]!;
  operator = server.client();
  await operator.call('ACL', 'SETUSER', 'operator', 'on', 'nopass', '~*', '&*', '+@all');
  await operator.call('AUTH', 'operator', 'any');
});
beforeEach(() => {
  many = new LockManagers();
});
afterEach(async () => {
  await many[Symbol.asyncDispose]();
  await operator.call('ACL', 'SETUSER', 'default', 'resetpass', 'nopass');
  await operator.call('ACL', 'DELUSER', 'app');
});
afterAll(() => redis?.stop());

/** Gives the user this password alone, and ends all connections but the operator's. */
async function rotate(password: string, user = 'default'): Promise<void> {
  await operator.call('ACL', 'SETUSER', user, 'on', 'resetpass', `>${password}`, '~*', '&*', '+@all');
  await operator.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
}

const statusOf = (locks: LockManager): string => locks.nodes()[0]!.status;
const untilIs = (locks: LockManager, status: string): Promise<boolean> =>
  until(() => statusOf(locks) === status, { what: `the node to be ${status}` });

describe('a password that is rotated', () => {
  const nodeWith = (password: Credential, username?: Credential): NodeSource => ({
    ...server.options,
    password,
    ...(username === undefined ? {} : { username }),
  });

  it.each<[string, (current: () => string) => Credential]>([
    ['a function', (current) => () => current()],
    ['an async function', (current) => async () => current()],
  ])('the password from %s is read anew for each connection', async (_name, make) => {
    await rotate(FIRST);
    let password = FIRST;
    let calls = 0;
    const current = (): string => {
      calls++;
      return password;
    };
    const locks = await many.connected({ nodes: [nodeWith(make(current))] });
    const before = calls;
    password = SECOND;
    await rotate(SECOND);
    await until(() => calls > before && statusOf(locks) === 'ready', { what: 'the node to be back' });
    await locks.withLock('a', async () => undefined);
    expect(many.warnings).toEqual([]);
  });

  it('user and password are read together', async () => {
    await rotate(FIRST, 'app');
    const user = { name: 'app', password: FIRST };
    const locks = await many.connected({
      nodes: [
        nodeWith(
          async () => user.password,
          () => user.name,
        ),
      ],
    });
    await operator.call('ACL', 'DELUSER', 'app');
    Object.assign(user, { name: 'other', password: SECOND });
    await rotate(SECOND, 'other');
    await until(async () => ((await operator.call('CLIENT', 'LIST')) as string).includes('user=other'), {
      what: 'the other user',
    });
    await untilIs(locks, 'ready');
    await operator.call('ACL', 'DELUSER', 'other');
  });

  it('a text is a text: the node has no vote when its password is not right any more', async () => {
    await rotate(FIRST);
    const locks = await many.connected({ nodes: [nodeWith(FIRST)] });
    await rotate(SECOND);
    await untilIs(locks, 'misconfigured');
    expect(locks.nodes()[0]!.reason).toMatch(/the server refused the user or password/);
  });

  it('the password of a given client is the one that its options have when a connection is made', async () => {
    await rotate(FIRST);
    const client = new Redis({ ...server.options, password: FIRST, lazyConnect: true });
    const locks = await many.connected({ nodes: [client] });
    client.options.password = SECOND;
    await rotate(SECOND);
    await until(() => statusOf(locks) !== 'ready', { what: 'the connection to break' });
    await untilIs(locks, 'ready');
    client.disconnect();
  });

  it.each([
    ['5', createClient],
    ['6', createClient6 as unknown as typeof createClient],
  ])(
    'the credentials provider of a client of node-redis %s is asked for each connection',
    async (_, make) => {
      await rotate(FIRST);
      let password: string | undefined = FIRST;
      const credentials = async (): Promise<{ password: string }> => {
        if (password === undefined) throw new Error('the vault is sealed');
        return { password };
      };
      const client = make({
        url: server.url,
        credentialsProvider: { type: 'async-credentials-provider', credentials },
      });
      const locks = await many.connected({ nodes: [client] });
      password = undefined;
      await rotate(SECOND);
      await untilIs(locks, 'unreachable');
      await until(() => locks.nodes()[0]!.reason === 'credentialsProvider failed: the vault is sealed');
      password = SECOND;
      await untilIs(locks, 'ready');
      await locks.withLock('a', async () => undefined);
      expect(client.isOpen).toBe(false);
    },
  );

  it('a function that fails makes the node unreachable, and is called again', async () => {
    await rotate(FIRST);
    let fails = true;
    const read = async (): Promise<string> => {
      if (fails) throw new Error('the vault is sealed');
      return FIRST;
    };
    const locks = many.make({ nodes: [nodeWith(read)] });
    await untilIs(locks, 'unreachable');
    expect(locks.nodes()[0]!.reason).toBe('the function password failed: the vault is sealed');
    await expect(locks.acquire('a')).rejects.toThrow('the vault is sealed');
    fails = false;
    await untilIs(locks, 'ready');
    await locks.withLock('a', async () => undefined);
  });

  it('a function that returns no text makes the node unreachable, and what it returned is not shown', async () => {
    const locks = many.make({ nodes: [nodeWith((() => 1234567) as unknown as Credential)] });
    await untilIs(locks, 'unreachable');
    expect(locks.nodes()[0]!.reason).toBe('the function password failed: it returned no string (number)');
  });

  it('a function that returns nothing stands for no password', async () => {
    await many.connected({ nodes: [nodeWith(() => undefined)] });
    expect(many.warnings).toEqual([]);
  });

  it('a manager that was closed calls the function no more', async () => {
    await rotate(FIRST);
    let calls = 0;
    const locks = many.make({
      nodes: [
        nodeWith(() => {
          calls++;
          throw new Error('no password');
        }),
      ],
    });
    await until(() => calls > 1, { what: 'two calls' });
    await locks.close();
    const before = calls;
    await operator.call('PING');
    expect(calls).toBe(before);
  });

  it('anything else than a text or a function is refused, and is not shown', () => {
    for (const wrong of [{ password: 1234567 }, { username: ['1234567'] }]) {
      const nodes = [{ ...server.options, ...wrong } as unknown as NodeSource];
      expect(() => many.make({ nodes })).toThrow(/^nodes\[0\]: (password|username) must be a string, or a/);
      expect(() => many.make({ nodes })).not.toThrow(/1234567/);
    }
  });
});

/** Gives the user of locks this password on all servers, and ends its connections. */
async function rotateEverywhere(servers: readonly RedisServer[], password: string): Promise<void> {
  for (const one of servers) {
    const client = one.client();
    await client.call('ACL', 'SETUSER', 'app', 'on', 'resetpass', `>${password}`, '~*', '&*', '+@all');
    await client.call('CLIENT', 'KILL', 'USER', 'app');
  }
}

describe('a password that is rotated, of a node with several servers', () => {
  it('behind sentinels, the passwords of the master and the sentinels are read anew', async () => {
    const pair = await startRedis({ count: 2, tcp: true });
    const [master, replica] = pair.servers as [RedisServer, RedisServer];
    await rotateEverywhere(pair.servers, FIRST);
    const group = await startSentinels({ master, replica, password: 'sentinels' });
    let password = FIRST;
    let calls = 0;
    const sentinelPassword = async (): Promise<string> => {
      calls++;
      return 'sentinels';
    };
    const node = { ...group.options, sentinelPassword, username: 'app', password: () => password };
    const locks = await many.connected({ nodes: [node] });
    const before = calls;
    password = SECOND;
    await rotateEverywhere(pair.servers, SECOND);
    await until(() => calls > before && statusOf(locks) === 'ready', { what: 'the node to be back' });
    await locks.withLock('a', async () => undefined);
    expect(many.warnings).toEqual([]);
    await locks.close();
    await group.stop();
    await pair.stop();
  });

  it.each(['options', 'client'] as const)(
    'in a Cluster given by %s, the password of every server is read anew',
    async (kind) => {
      await using cluster = await RedisCluster.start();
      await rotateEverywhere(cluster.masters, FIRST);
      const [{ port }] = cluster.masters as [RedisServer];
      const login = { username: 'app', password: FIRST };
      const seeds = [{ host: '127.0.0.1', port }];
      const client = new Cluster(seeds, { redisOptions: { ...login }, lazyConnect: true });
      const node = kind === 'client' ? client : { cluster: seeds, ...login, password: () => login.password };
      const locks = await many.connected({ nodes: [node] });
      login.password = SECOND;
      client.options.redisOptions!.password = SECOND;
      await rotateEverywhere(cluster.masters, SECOND);
      await until(() => statusOf(locks) !== 'ready', { what: 'the connections to break' });
      await untilIs(locks, 'ready');
      for (const resource of ['a', 'b', 'c', 'd', 'e']) await locks.withLock(resource, async () => undefined);
      client.disconnect();
      await locks.close();
    },
  );

  it('in a Cluster, an undefined user or password leaves those of the url as they are', async () => {
    await using cluster = await RedisCluster.start();
    await rotateEverywhere(cluster.masters, FIRST);
    const [{ port }] = cluster.masters as [RedisServer];
    const seed = `redis://app:${FIRST}@127.0.0.1:${port}`;
    const locks = await many.connected({
      nodes: [{ cluster: [seed], username: undefined, password: undefined, natMap: undefined }],
    });
    const client = cluster.masters[0]!.client();
    expect(await client.call('CLIENT', 'LIST')).toContain('user=app');
    client.disconnect();
    await locks.close();
  });
});
