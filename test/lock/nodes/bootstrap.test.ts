import { describe, expect, it } from '@jest/globals';
import { memoryNode, type LockManager } from '../../../src/index.js';
import { startChild } from '../../support/child.js';
import { startRedis, type RedisServers } from '../../support/redis-servers.js';
import { until } from '../../support/until.js';
import { VirtualWorld } from '../../support/virtual-world.js';
import type { NodeState } from '../../../src/node/node-state.js';
import type { VirtualNode } from '../../support/virtual-node.js';
import { allVote, Clients, outcomeOf, R, SHORT, statuses, untilStatus } from '../../support/clients.js';

const MARKER = 'lock:quorlock:node';

describe('fresh nodes', () => {
  it('fresh nodes are trusted at once by ten processes that start together', async () => {
    await using redis = await startRedis({ count: 3 });
    const args = redis.servers.map((server) => server.path);
    const children = Array.from({ length: 10 }, () =>
      startChild(new URL('./bootstrap-worker.ts', import.meta.url), { args }),
    );
    await Promise.all(children.map((child) => child.message((message) => message === 'ready')));
    for (const child of children) child.send('go');
    const told = await Promise.all(
      children.map((child) => child.message((message) => typeof message === 'object')),
    );
    expect(told.map((message) => (message as { outcome: string }).outcome)).toEqual(
      Array.from({ length: 10 }, () => 'granted'),
    );
    await Promise.all(children.map((child) => child.exit));
    await using clients = new Clients(redis.servers);
    await clients.ready();
  });

  it('fresh nodes are trusted by no client while one node is away, and by all clients when it is there', async () => {
    await using redis = await startRedis({ count: 3 });
    await redis.servers[1]!.kill();
    await using clients = new Clients(redis.servers);
    const many = Array.from({ length: 10 }, () => clients.make());
    const seen = (locks: LockManager): boolean => statuses(locks).join() === 'new,unreachable,new';
    await until(() => many.every(seen), { what: 'all to have seen what is there' });
    const outcomes = await Promise.all(many.map((locks, index) => outcomeOf(locks.acquire(`own:${index}`))));
    expect(new Set(outcomes)).toEqual(new Set(['QUORUM_UNREACHABLE untrusted']));
    expect(many.every(seen)).toBe(true);
    await redis.servers[1]!.start();
    await Promise.all(many.map(allVote));
    const later = await Promise.all(many.map((locks, index) => outcomeOf(locks.acquire(`own:${index}`))));
    expect(new Set(later)).toEqual(new Set(['granted']));
  });

  it('fresh nodes wait for a missing one for a quarantine, and serve one, which that one then has to serve, too', async () => {
    await using redis = await startRedis({ count: 3 });
    await redis.servers[2]!.kill();
    await using clients = new Clients(redis.servers);
    const locks = clients.make(SHORT);
    // A lease that is longer than the quarantine makes it longer.
    await until(async () => (await outcomeOf(locks.acquire(R))) === 'granted');
    await redis.servers[2]!.start();
    await untilStatus(locks, 2, 'untrusted');
    await allVote(locks);
  });

  it('fresh nodes are trusted without a missing one for no tick that was due before: it may have it on record', async () => {
    await using redis = await startRedis({ count: 3 });
    await using clients = new Clients(redis.servers);
    const tick = Date.now();
    const before = await clients.ready(SHORT);
    await (await before.acquire(R, { tick })).release();
    await before.close();
    await redis.servers[2]!.kill();
    for (const server of redis.servers.slice(0, 2)) await server.restart({ keepData: false });
    const locks = clients.make(SHORT);
    await until(async () => (await outcomeOf(locks.acquire('other'))) === 'granted');
    await expect(locks.acquire(R, { tick })).rejects.toThrow(/lost its memory after this tick was due/);
    expect(await outcomeOf(locks.acquire(R))).toBe('granted');
  });

  it('fresh nodes are not marked by a client that only looked at them', async () => {
    await using redis = await startRedis({ count: 3 });
    await using clients = new Clients(redis.servers);
    const hasty = clients.make();
    await until(() => statuses(hasty).every((status) => status === 'new'));
    await hasty.close();
    const client = redis.servers[0]!.client();
    expect(await client.exists(MARKER)).toBe(0);
    client.disconnect();
    await clients.ready();
  });

  it('nodes that were all emptied at once are not fresh for a client that knew them', async () => {
    await using redis = await startRedis({ count: 3 });
    await using clients = new Clients(redis.servers);
    const locks = await clients.ready();
    for (const server of redis.servers) {
      const client = server.client();
      await client.flushall();
      client.disconnect();
    }
    expect(await outcomeOf(locks.acquire(R))).toBe('QUORUM_UNREACHABLE untrusted');
    const fresh = clients.make();
    expect(await outcomeOf(fresh.acquire(R))).toBe('QUORUM_UNREACHABLE untrusted');
  });
});

describe('fresh nodes beside nodes that cannot lose their memory', () => {
  const nodesOf = (redis: RedisServers, ...others: string[]) => [
    ...others.map((name) => memoryNode({ name })),
    ...redis.servers.map((server) => server.options),
  ];

  it('fresh nodes beside one without memory are trusted at once if all are fresh and a majority', async () => {
    await using redis = await startRedis({ count: 2 });
    await using clients = new Clients([]);
    const locks = clients.make({ nodes: nodesOf(redis, 'a') });
    expect(await outcomeOf(locks.acquire(R))).toBe('granted');
    await allVote(locks);
    expect(clients.warnings).toEqual([]);
  });

  it('a fresh node beside a majority without memory counts as one that lost its memory', async () => {
    await using redis = await startRedis({ count: 1 });
    await using clients = new Clients([]);
    const locks = clients.make({ nodes: nodesOf(redis, 'a', 'b') });
    expect(await outcomeOf(locks.acquire(R))).toBe('granted');
    await untilStatus(locks, 2, 'untrusted');
  });
});

describe('two clients at the first use of nodes', () => {
  /** One client and nodes whose markers the test writes. Records what the client concludes. */
  function watched(): { world: VirtualWorld; concluded: string[]; show: (...states: string[]) => void } {
    const world = new VirtualWorld(3);
    const concluded: string[] = [];
    const becomes = (node: VirtualNode, status: string): void =>
      node.setState({ status: status as NodeState['status'], serverId: node.name });
    world.nodes.forEach((node, nodeIndex) => {
      becomes(node, 'new');
      const conclude = (what: string, status: string) => (): Promise<void> => {
        concluded.push(`${nodeIndex} ${what}`);
        becomes(node, status);
        return Promise.resolve();
      };
      node.trust = conclude('trusted', 'ready');
      node.recordLoss = conclude('lost its memory', 'untrusted');
    });
    world.manager();
    return {
      world,
      concluded,
      show: (...states) => states.forEach((status, nodeIndex) => becomes(world.nodes[nodeIndex]!, status)),
    };
  }

  it('a node that another client is about to mark has not lost its memory', async () => {
    const { world, concluded, show } = watched();
    await world.clock.advance(450);
    // Between our two looks, the other client marks its first node and is about to mark the rest.
    show('ready', 'new', 'new');
    await world.clock.advance(100);
    show('ready', 'ready', 'ready');
    await world.clock.advance(5_000);
    expect(concluded).toEqual([]);
  });

  it('a node that is still without a marker at the look after that has lost its memory', async () => {
    const { world, concluded, show } = watched();
    await world.clock.advance(450);
    show('ready', 'ready', 'new');
    await world.clock.advance(1_200);
    expect(concluded).toEqual(['2 lost its memory']);
  });

  it('a client looks twice, half a second apart, before it marks anything', async () => {
    const { world, concluded } = watched();
    await world.clock.advance(450);
    expect(concluded).toEqual([]);
    await world.clock.advance(100);
    expect(concluded).toEqual(['0 trusted', '1 trusted', '2 trusted']);
  });

  it('a client trusts no node while one is away: it cannot know what became of a node between its looks', async () => {
    const { world, concluded, show } = watched();
    show('new', 'new', 'unreachable');
    await world.clock.advance(60_000);
    expect(concluded).toEqual([]);
    await world.clock.advance(600_000);
    expect(concluded).toEqual(['0 lost its memory', '1 lost its memory']);
  });

  it('a client looks again if a node is another server than at the first look', async () => {
    const { world, concluded } = watched();
    await world.clock.advance(450);
    world.nodes[1]!.setState({ status: 'new', serverId: 'another' });
    await world.clock.advance(100);
    expect(concluded).toEqual([]);
    await world.clock.advance(500);
    expect(concluded).toHaveLength(3);
  });

  it('two clients that mark real nodes both end up with all of them trusted, whenever the second starts', async () => {
    await using redis = await startRedis({ count: 3 });
    for (const afterMs of [0, 490, 520]) {
      await using clients = new Clients(redis.servers);
      const first = clients.make();
      await until(() => statuses(first).every((status) => status === 'new'));
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      const second = clients.make();
      expect(await outcomeOf(first.acquire('one'))).toBe('granted');
      expect(await outcomeOf(second.acquire('two'))).toBe('granted');
      await Promise.all([allVote(first), allVote(second)]);
      expect(clients.warnings).toEqual([]);
      await Promise.all([first.close(), second.close()]);
      for (const server of redis.servers) await server.restart({ keepData: false });
    }
  });
});
