import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LockManagers } from '../support/lock-managers.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import type { RedisServer } from '../support/redis-server.js';

let redis: RedisServers;
beforeAll(async () => {
  redis = await startRedis({ count: 3 });
});
afterAll(() => redis?.stop());

/** How many connections each server has accepted, without the one that asks. */
const accepted = (servers: readonly RedisServer[]): Promise<number[]> =>
  Promise.all(
    servers.map(async (server) => {
      const client = server.client();
      const stats = await client.info('stats');
      client.disconnect();
      return Number(/total_connections_received:(\d+)/.exec(stats)?.[1]);
    }),
  );

/** Runs the action, and returns how many connections it made to each server. */
async function connectionsMade(
  servers: readonly RedisServer[],
  action: () => Promise<unknown>,
): Promise<number[]> {
  const before = await accepted(servers);
  await action();
  return (await accepted(servers)).map((count, index) => count - before[index]! - 1);
}

describe('lazyConnect', () => {
  it('a manager makes no connection before its first use, and none if it is closed before', async () => {
    await using many = new LockManagers();
    expect(
      await connectionsMade(redis.servers, async () => {
        const locks = many.make({ servers: redis.servers, lazyConnect: true });
        expect(locks.nodes().map(({ status }) => status)).toEqual(['connecting', 'connecting', 'connecting']);
        await locks.close();
        locks.connect();
        expect(await locks.started()).toMatchObject({ ready: 0, reached: false });
      }),
    ).toEqual([0, 0, 0]);
  });

  it.each(['acquire', 'inspect', 'started', 'connect'] as const)('%s() connects', async (method) => {
    await using many = new LockManagers();
    const locks = many.make({ servers: redis.servers, lazyConnect: true });
    const uses = {
      acquire: () => locks.withLock('a', () => undefined),
      inspect: () => locks.inspect('a'),
      started: () => locks.started(),
      connect: async () => locks.connect(),
    };
    await uses[method]();
    expect(await locks.started()).toEqual({ ready: 3, needed: 2, nodes: 3, reached: true });
  });

  it('the first acquisition waits for the nodes as long as with any other manager', async () => {
    await using many = new LockManagers();
    // The default quarantine: new servers are looked at twice, half a second apart.
    const locks = many.make({ servers: redis.servers, lazyConnect: true, restartQuarantine: 'auto' });
    await locks.withLock('a', () => undefined);
  });

  it('a Cluster is not connected to before', async () => {
    await using cluster = await RedisCluster.start();
    await using many = new LockManagers();
    const [first] = cluster.masters as [RedisServer];
    const locks = many.make({
      nodes: [{ cluster: [{ host: '127.0.0.1', port: first.port }] }],
      lazyConnect: true,
    });
    expect(await connectionsMade([first], async () => undefined)).toEqual([0]);
    expect(await locks.started()).toMatchObject({ ready: 1 });
    await locks.withLock('a', () => undefined);
  });
});
