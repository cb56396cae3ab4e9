import { describe, expect, it } from '@jest/globals';
import type { LockManagerOptions } from '../../../src/index.js';
import { startRedis, type RedisServers } from '../../support/redis-servers.js';
import { until } from '../../support/until.js';
import { allVote, Clients, outcomeOf, R, SHORT, untilStatus } from '../../support/clients.js';

const MARKER = 'lock:quorlock:node';

async function marker(redis: RedisServers, place: number, field: string): Promise<string | null> {
  const client = redis.servers[place]!.client();
  try {
    return await client.hget(MARKER, field);
  } finally {
    client.disconnect();
  }
}

/** Waits until these nodes have the list of members. */
const written = (redis: RedisServers, ...places: number[]): Promise<unknown> =>
  Promise.all(
    places.map((place) => until(async () => ((await marker(redis, place, 'members')) ?? '') !== '')),
  );

describe('a membership under several addresses', () => {
  it('nodes known as 127.0.0.1, localhost and a unix socket are one membership', async () => {
    await using redis = await startRedis({
      count: 3,
      tcp: true,
      args: ['--bind', '127.0.0.1 -::1', '--unixsocket', 'also.sock'],
    });
    await using clients = new Clients(redis.servers);
    const ports = redis.servers.map(({ port }) => port);
    const paths = await Promise.all(
      redis.servers.map(async (server) => {
        const client = server.client();
        const [, directory] = (await client.config('GET', 'dir')) as [string, string];
        client.disconnect();
        return `${directory}/also.sock`;
      }),
    );
    const ways: LockManagerOptions['nodes'][] = [
      ports.map((port) => `redis://127.0.0.1:${port}`),
      ports.map((port) => `redis://localhost:${port}`),
      paths.map((path) => ({ path })),
    ];
    const all = [];
    for (const nodes of ways) all.push(await clients.ready({ nodes }));
    await all[0]!.acquire(R);
    for (const locks of all.slice(1)) {
      expect(await outcomeOf(locks.acquire(R))).toBe('LOCK_NOT_ACQUIRED held');
      expect(await outcomeOf(locks.acquire(`own:${all.indexOf(locks)}`))).toBe('granted');
    }
    expect(clients.warnings.filter((warning) => /membership|mismatch/.test(warning))).toEqual([]);
  });

  it('a node that lost its id with its data, and got another, is no mismatch', async () => {
    await using redis = await startRedis({ count: 3 });
    await using clients = new Clients(redis.servers);
    const first = await clients.ready(SHORT);
    await written(redis, 0, 1, 2);
    const id = await marker(redis, 1, 'id');
    await first.close();
    await redis.servers[1]!.restart({ keepData: false });
    const later = clients.make(SHORT);
    await untilStatus(later, 1, 'untrusted');
    expect(await marker(redis, 1, 'id')).toBe(id);
    await allVote(later);
    expect(clients.warnings.filter((warning) => /membership|mismatch/.test(warning))).toEqual([]);
    // After a while, the other nodes have the new id.
    await until(async () =>
      ((await marker(redis, 0, 'members')) ?? '').includes((await marker(redis, 1, 'id')) ?? '?'),
    );
    expect(await outcomeOf(later.acquire(R))).toBe('granted');
  });

  it('nodes that lose their data one by one, under two addresses, are no mismatch', async () => {
    await using redis = await startRedis({ count: 3, tcp: true });
    await using clients = new Clients(redis.servers);
    const byAddress = await clients.ready(SHORT);
    await written(redis, 0, 1, 2);
    const nodes = redis.servers.map(({ port }) => `redis://localhost:${port}`);
    for (const [nodeIndex, server] of redis.servers.entries()) {
      await server.restart({ keepData: false });
      await untilStatus(byAddress, nodeIndex, 'untrusted');
      const byName = clients.make({ ...SHORT, nodes });
      await Promise.all([allVote(byAddress), allVote(byName)]);
      await byName.close();
    }
    expect(clients.warnings.filter((warning) => /membership|mismatch/.test(warning))).toEqual([]);
  });

  it("a node with a copy of another node's data is not taken for the other, and gets its own id back", async () => {
    await using redis = await startRedis({ count: 3 });
    await using clients = new Clients(redis.servers);
    const running = await clients.ready(SHORT);
    await written(redis, 0, 1, 2);
    const ids = await Promise.all([0, 1, 2].map((place) => marker(redis, place, 'id')));
    const [copy, original] = [redis.servers[0]!.client(), redis.servers[1]!.client()];
    const dump = await original.dumpBuffer(MARKER);
    await copy.multi().del(MARKER).restore(MARKER, 0, dump).exec();
    copy.disconnect();
    original.disconnect();
    const fresh = clients.make(SHORT);
    expect(await outcomeOf(fresh.acquire(R))).toBe('granted');
    expect(await outcomeOf(running.acquire('other'))).toBe('granted');
    await Promise.all([allVote(fresh), allVote(running)]);
    expect(await Promise.all([0, 1, 2].map((place) => marker(redis, place, 'id')))).toEqual(ids);
  });
});
