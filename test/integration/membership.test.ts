import { describe, expect, it } from '@jest/globals';
import type { LockManager, LockManagerOptions } from '../../src/index.js';
import { Clients, outcomeOf, R, statuses } from '../support/clients.js';
import { startChild } from '../support/child.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { until } from '../support/until.js';
import { unpackOldVersion } from '../support/version-0.1.js';
import type { OldClaim, OldResult } from './version-0.1-worker.js';

/** A change of the list takes `maxTtlMs`. */
const QUICK = { maxTtlMs: 3_000, ttlMs: 3_000, nodeTimeoutMs: 900, autoExtend: true } as const;

const at = (redis: RedisServers, ...places: number[]): LockManagerOptions['nodes'] =>
  places.map((place) => redis.servers[place]!.options);

const inUse = (locks: LockManager, count: number): Promise<boolean> =>
  until(
    () => {
      const { nodes, isActive, isOwn } = locks.membership();
      return nodes.length === count && isActive && isOwn;
    },
    { what: `a list of ${count} nodes to be in use` },
  );

describe('a list of nodes on real servers', () => {
  it('a dead node is replaced, and processes with the list before go on', async () => {
    await using redis = await startRedis({ count: 4 });
    await using clients = new Clients(redis.servers);
    const old = clients.make({ ...QUICK, nodes: at(redis, 0, 1, 2) });
    await inUse(old, 3);
    await redis.servers[2]!.stop();
    const four = clients.make({ ...QUICK, nodes: at(redis, 0, 1, 2, 3) });
    await inUse(four, 4);
    expect(four.membership().behind).toHaveLength(1);
    expect(await outcomeOf(old.acquire('own'))).toBe('granted');
    await until(() => statuses(four)[3] === 'ready', { what: 'the new node to vote' });
    const lease = await four.acquire(R);
    expect(await outcomeOf(old.acquire(R))).toBe('LOCK_NOT_ACQUIRED held');
    await old.close();
    const three = clients.make({ ...QUICK, nodes: at(redis, 0, 1, 3) });
    await inUse(three, 3);
    expect(lease.signal.aborted).toBe(false);
    for (const locks of [four, three])
      expect(await outcomeOf(locks.acquire(R))).toBe('LOCK_NOT_ACQUIRED held');
    await lease.release();
    await until(() => three.membership().epoch === 4, { what: 'the list to be followed by itself' });
    await redis.servers[0]!.stop();
    const fresh = clients.make({ ...QUICK, nodes: at(redis, 0, 1, 3) });
    expect(await outcomeOf(fresh.acquire(R))).toBe('granted');
  });

  it('one node grows to three without losing what is held, and three to five', async () => {
    await using redis = await startRedis({ count: 5 });
    await using clients = new Clients(redis.servers);
    const one = clients.make({ ...QUICK, nodes: at(redis, 0) });
    await inUse(one, 1);
    for (const places of [
      [0, 1, 2],
      [0, 1, 2, 3, 4],
    ]) {
      const more = clients.make({ ...QUICK, nodes: at(redis, ...places) });
      await inUse(more, places.length);
      expect(await outcomeOf(more.acquire(`own:${places.length}`))).toBe('granted');
      // The last node may get the list a moment later than the majority.
      await until(() => more.health().status === 'up', { what: 'all nodes to vote' });
      expect(more.health()).toMatchObject({ status: 'up', ready: places.length });
    }
    // The list has gone on without the process that has one node. It says so as soon as it is refused.
    expect(await outcomeOf(one.acquire('own:1'))).toBe('QUORUM_UNREACHABLE mismatch');
    await until(() => one.health().status === 'down');
    expect(one.health()).toMatchObject({
      ready: 0,
      reason:
        '0 of 1 nodes are ready, and 1 is needed; 1 more does not vote for this process, see membership()',
    });
    expect(one.membership()).toMatchObject({ nodes: [expect.any(String)], isActive: false });
    await until(() => clients.warnings.some((warning) => warning.includes('configuration mismatch')));
  });

  it('a node with an old backup of the list gets the present one back', async () => {
    await using redis = await startRedis({ count: 4, args: ['--save', '3600 1'] });
    await using clients = new Clients(redis.servers);
    await inUse(clients.make({ ...QUICK, nodes: at(redis, 0, 1, 2) }), 3);
    const client = redis.servers[0]!.client();
    await client.save();
    client.disconnect();
    const four = clients.make({ ...QUICK, nodes: at(redis, 0, 1, 2, 3) });
    await inUse(four, 4);
    const lease = await four.acquire(R);
    await redis.servers[0]!.restart({ keepData: true });
    await until(() => statuses(four)[0] === 'ready' && four.membership().behind.length === 0);
    expect(lease.signal.aborted).toBe(false);
    expect(await outcomeOf(clients.make({ ...QUICK, nodes: at(redis, 0, 1, 2, 3) }).acquire(R))).toBe(
      'LOCK_NOT_ACQUIRED held',
    );
  });

  it('servers of an old test that are added do not bring their list along', async () => {
    await using redis = await startRedis({ count: 6 });
    await using clients = new Clients(redis.servers);
    const test = clients.make({ ...QUICK, nodes: at(redis, 3, 4, 5) });
    await inUse(test, 3);
    await test.close();
    const three = clients.make({ ...QUICK, nodes: at(redis, 0, 1, 2) });
    const lease = await three.acquire(R);
    const five = [
      [3, 4, 0, 1, 2],
      [0, 3, 1, 4, 2],
    ].map((places) => clients.make({ ...QUICK, nodes: at(redis, ...places) }));
    const outcomes = await Promise.all(five.map((locks) => outcomeOf(locks.acquire(R))));
    expect(outcomes).toEqual(['LOCK_NOT_ACQUIRED held', 'LOCK_NOT_ACQUIRED held']);
    await lease.release();
  });

  it('a list that differs by two nodes is told, and votes under the list in use as far as it can', async () => {
    await using redis = await startRedis({ count: 5 });
    await using clients = new Clients(redis.servers);
    const before = clients.make({ ...QUICK, nodes: at(redis, 0, 1, 2) });
    await inUse(before, 3);
    const exchanged = clients.make({ ...QUICK, nodes: at(redis, 0, 1, 3) });
    expect(await outcomeOf(exchanged.acquire('another'))).toBe('granted');
    const foreign = clients.make({ ...QUICK, nodes: at(redis, 0, 3, 4) });
    expect(await outcomeOf(foreign.acquire('another'))).toMatch(/^QUORUM_UNREACHABLE/);
    await until(async () => (await outcomeOf(foreign.acquire('another'))) === 'QUORUM_UNREACHABLE mismatch');
    await until(() => clients.warnings.some((warning) => warning.includes('configuration mismatch')));
    expect(await outcomeOf(before.acquire(R))).toBe('granted');
  });

  it('the word of an operator ends it where no majority of the list before is left', async () => {
    await using redis = await startRedis({ count: 3 });
    await using clients = new Clients(redis.servers);
    await inUse(clients.make({ ...QUICK, nodes: at(redis, 0, 1) }), 2);
    await redis.servers[1]!.stop();
    const locks = clients.make({ ...QUICK, nodes: at(redis, 0, 2) });
    expect(await outcomeOf(locks.acquire(R))).toMatch(/^QUORUM_UNREACHABLE/);
    await locks.acceptMembers();
    await inUse(locks, 2);
    expect(await outcomeOf(locks.acquire(R))).toBe('granted');
  });

  it('all nodes move, one after the other, and what is held stays held', async () => {
    await using redis = await startRedis({ count: 6 });
    await using clients = new Clients(redis.servers);
    const steps = [
      [0, 1, 2],
      [0, 1, 2, 3],
      [1, 2, 3],
      [1, 2, 3, 4],
      [2, 3, 4],
      [2, 3, 4, 5],
      [3, 4, 5],
    ];
    let before = clients.make({ ...QUICK, nodes: at(redis, ...steps[0]!) });
    await inUse(before, 3);
    for (const [count, places] of steps.slice(1).entries()) {
      const held = `held:${count}`;
      const lease = await before.acquire(held);
      const locks = clients.make({ ...QUICK, nodes: at(redis, ...places) });
      await inUse(locks, places.length);
      await until(() => statuses(locks).every((status) => status === 'ready'), { what: 'all nodes to vote' });
      expect(lease.signal.aborted).toBe(false);
      expect(await outcomeOf(locks.acquire(held))).toBe('LOCK_NOT_ACQUIRED held');
      await lease.release();
      await before.close();
      before = locks;
    }
    expect(before.membership()).toMatchObject({ isActive: true, isOwn: true, behind: [] });
    await Promise.all([0, 1, 2].map((place) => redis.servers[place]!.stop()));
    expect(await outcomeOf(before.acquire(R))).toBe('granted');
  });

  it('clients of version 0.1 go on through a change by one node, and exclude each other with new ones', async () => {
    await using redis = await startRedis({ count: 4 });
    await using clients = new Clients(redis.servers);
    const version = unpackOldVersion();
    const three = clients.make({
      ...QUICK,
      maxTtlMs: 2_000,
      ttlMs: 2_000,
      nodeTimeoutMs: 600,
      nodes: at(redis, 0, 1, 2),
    });
    await inUse(three, 3);
    const nodes = JSON.stringify(at(redis, 0, 1, 2));
    const worker = new URL('./version-0.1-worker.ts', import.meta.url);
    const child = startChild<OldResult | 'ready'>(worker, { args: [version.path, nodes] });
    let tick = 1_790_000_000_000;
    const old = async (): Promise<string> => {
      const claim: OldClaim = { resource: R, tick: (tick += 1_000), ttlMs: 2_000, afterMs: 0 };
      child.send(claim);
      const answer = (message: OldResult | 'ready'): message is OldResult =>
        message !== 'ready' && message.tick === claim.tick;
      await until(() => child.messages.some(answer), { what: 'the old worker to answer' });
      return child.messages.find(answer)!.outcome;
    };
    await child.message((message) => message === 'ready');
    await until(async () => (await old()) === 'ran', { what: 'the old worker to run' });
    const four = clients.make({
      ...QUICK,
      maxTtlMs: 2_000,
      ttlMs: 2_000,
      nodeTimeoutMs: 600,
      nodes: at(redis, 0, 1, 2, 3),
    });
    await inUse(four, 4);
    const lease = await four.acquire(R);
    expect(await old()).toBe('held');
    await lease.release();
    await until(async () => (await old()) === 'ran', { what: 'the old worker to run again' });
    await child.kill();
    version.remove();
  });
});
