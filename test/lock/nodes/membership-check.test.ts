import { describe, expect, it } from '@jest/globals';
import type { LockManagerOptions } from '../../../src/index.js';
import { startRedis, type RedisServers } from '../../support/redis-servers.js';
import { until } from '../../support/until.js';
import { Clients, LONG, outcomeOf, R, SHORT, statuses } from '../../support/clients.js';

const MARKER = 'lock:quorlock:node';

const at = (redis: RedisServers, ...places: number[]): LockManagerOptions['nodes'] =>
  places.map((place) => redis.servers[place]!.options);

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

describe('clients with another membership', () => {
  for (const [change, places] of [
    ['added', [0, 1, 2, 3]],
    ['taken away', [0, 1]],
  ] as const) {
    it(`a client votes, with a warning, if one node was ${change}`, async () => {
      await using redis = await startRedis({ count: 4 });
      await using clients = new Clients(redis.servers);
      const quarantined = { restartQuarantine: LONG.maxTtlMs };
      const before = await clients.ready({ ...quarantined, nodes: at(redis, 0, 1, 2) });
      await written(redis, 0, 1, 2);
      const lease = await before.acquire(R);
      const after = clients.make({ ...quarantined, nodes: at(redis, ...places) });
      expect(await outcomeOf(after.acquire(R))).toBe('LOCK_NOT_ACQUIRED held');
      expect(await outcomeOf(after.acquire('another'))).toBe('granted');
      await until(() => clients.warnings.some((warning) => warning.includes('changes by one node')));
      expect(lease.signal.aborted).toBe(false);
    });
  }

  it('a client has no vote if a node was exchanged: two majorities could miss each other', async () => {
    await using redis = await startRedis({ count: 4 });
    await using clients = new Clients(redis.servers);
    const before = await clients.ready({ ...SHORT, nodes: at(redis, 0, 1, 2) });
    await written(redis, 0, 1, 2);
    const lease = await before.acquire(R);
    const after = clients.make({ ...SHORT, nodes: at(redis, 0, 1, 3) });
    // While the new node is in quarantine, it may be one of the old ones that lost everything.
    while (statuses(after)[0] !== 'misconfigured')
      expect(await outcomeOf(after.acquire(R))).not.toBe('granted');
    expect(new Set(statuses(after))).toEqual(new Set(['misconfigured']));
    expect(await outcomeOf(after.acquire(R))).toBe('QUORUM_UNREACHABLE unreachable');
    expect(clients.warnings.join('\n')).toContain('configuration mismatch');
    expect(statuses(before)).toEqual(['ready', 'ready', 'ready']);
    expect(lease.signal.aborted).toBe(false);
  });

  it('a client never has a vote if two nodes were exchanged at once', async () => {
    await using redis = await startRedis({ count: 5 });
    await using clients = new Clients(redis.servers);
    const before = await clients.ready({ ...SHORT, nodes: at(redis, 0, 1, 2) });
    await written(redis, 0, 1, 2);
    const after = clients.make({ ...SHORT, nodes: at(redis, 0, 3, 4) });
    while (statuses(after)[0] !== 'misconfigured') {
      expect(await outcomeOf(after.acquire('another'))).toMatch(/^QUORUM_UNREACHABLE/);
    }
    expect(new Set(statuses(after))).toEqual(new Set(['misconfigured']));
    expect(clients.warnings.join('\n')).toContain('configuration mismatch');
    expect(statuses(before)).toEqual(['ready', 'ready', 'ready']);
  });

  it('a client has no vote if two nodes were added at once', async () => {
    await using redis = await startRedis({ count: 5 });
    await using clients = new Clients(redis.servers);
    await clients.ready({ nodes: at(redis, 0, 1, 2) });
    await written(redis, 0, 1, 2);
    const five = clients.make();
    await until(() => statuses(five).every((status) => status === 'misconfigured'));
    expect(five.nodes()[0]!.reason).toContain('change a membership by one node at a time');
  });

  it('a membership grows from three to five nodes, one at a time', async () => {
    await using redis = await startRedis({ count: 5 });
    await using clients = new Clients(redis.servers);
    let places = [0, 1, 2];
    let before = await clients.ready({ ...SHORT, nodes: at(redis, ...places) });
    await written(redis, ...places);
    for (const added of [3, 4]) {
      places = [...places, added];
      const after = await clients.ready({ ...SHORT, nodes: at(redis, ...places) });
      await before.close();
      before = after;
      const count = places.length;
      await until(
        async () => (JSON.parse((await marker(redis, 0, 'members')) ?? '[]') as unknown[]).length === count,
      );
    }
    expect(await outcomeOf(before.acquire(R))).toBe('granted');
    expect(clients.warnings.join('\n')).not.toContain('mismatch');
  });
});
