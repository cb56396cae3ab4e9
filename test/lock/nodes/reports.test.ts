import { describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import type { QuorumUnreachableError } from '../../../src/index.js';
import { lockMetrics, METRICS } from '../../../src/prometheus/index.js';
import { reading } from '../../prometheus/readings.js';
import { ofType, record } from '../../support/lock-managers.js';
import { startRedis, type RedisServers } from '../../support/redis-servers.js';
import { VirtualWorld } from '../../support/virtual-world.js';
import { allVote, Clients, outcomeOf, R, SHORT, untilStatus } from '../../support/clients.js';

async function empty(redis: RedisServers, ...members: number[]): Promise<void> {
  for (const nodeIndex of members) {
    const client = redis.servers[nodeIndex]!.client();
    await client.flushall();
    client.disconnect();
  }
}

const QUARANTINE_MS = 90_000;

describe('a node without a vote for now', () => {
  it('a node without a vote is shown, with reason and time left, by events, errors and metrics', async () => {
    await using redis = await startRedis({ count: 3 });
    await using clients = new Clients(redis.servers);
    const locks = await clients.ready({ maxTtlMs: QUARANTINE_MS, ttlMs: QUARANTINE_MS });
    const events = record(locks);
    const register = new Registry();
    locks.subscribe(lockMetrics({ register }));
    const first = locks.nodes()[0]!.name;
    const stateOf = (state: string) => reading(register, METRICS.nodeState, { node: first, state });
    expect([await stateOf('ready'), await stateOf('untrusted')]).toEqual([1, 0]);
    events.length = 0;

    await empty(redis, 0, 1);
    const error = (await locks
      .acquire(R, { name: 'job' })
      .catch((reason: unknown) => reason)) as QuorumUnreachableError;

    const [node] = locks.nodes();
    expect(node).toMatchObject({ status: 'untrusted' });
    expect(node!.reason).toContain('it is new, or lost its memory');
    expect(node!.trustedInMs).toBeGreaterThan(QUARANTINE_MS - 60_000);
    expect(node!.trustedInMs).toBeLessThanOrEqual(QUARANTINE_MS);

    const told = ofType(events, 'node').map((event) => event.node);
    expect(told).toHaveLength(2);
    for (const one of told) {
      expect(one).toMatchObject({ status: 'untrusted', reason: node!.reason });
      expect(one.trustedInMs).toBeGreaterThan(QUARANTINE_MS - 60_000);
    }
    expect(clients.warnings).toHaveLength(2);
    expect(clients.warnings[0]).toMatch(
      /^node \S+ has no vote for another \d\d s: it is new, or lost its memory: it restarted or was emptied$/,
    );

    expect(error).toMatchObject({ code: 'QUORUM_UNREACHABLE', reason: 'untrusted' });
    expect(error.message).toMatch(/untrusted \(it is new, or lost its mem.*; it votes again in \d\d s\)/);
    expect(
      error.votes.filter(({ vote }) => vote?.kind === 'failed' && vote.reason === 'untrusted'),
    ).toHaveLength(2);
    expect(ofType(events, 'failed')).toMatchObject([{ name: 'job', reason: 'untrusted' }]);

    expect([await stateOf('ready'), await stateOf('untrusted')]).toEqual([0, 1]);
    expect(await reading(register, METRICS.failed, { lock: 'job', reason: 'untrusted' })).toBe(1);
    expect(await reading(register, METRICS.votes, { node: first, vote: 'untrusted' })).toBe(1);
  });

  it('a lost vote is reported once for each change, and to a listener that comes later', async () => {
    await using redis = await startRedis({ count: 3 });
    await using clients = new Clients(redis.servers);
    const locks = await clients.ready(SHORT);
    const events = record(locks);
    events.length = 0;
    await empty(redis, 2);
    for (let count = 0; count < 5; count++) await outcomeOf(locks.acquire(`own:${count}`));
    await untilStatus(locks, 2, 'untrusted');
    const late = ofType(record(locks), 'node').map(({ node }) => node.status);
    expect(late).toEqual(['ready', 'ready', 'untrusted']);
    await allVote(locks);
    expect(ofType(events, 'node').map(({ node }) => node.status)).toEqual(['untrusted', 'ready']);
    expect(clients.warnings).toHaveLength(1);
  });

  it('each caution of a node is told once, and not again because another one comes or goes', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const [node] = world.nodes;
    for (const cautions of [['one'], ['one', 'two'], ['two'], [], ['one', 'two']])
      node!.setState({ status: 'ready', cautions });
    expect(world.warnings).toEqual(['node node-0: one', 'node node-0: two']);
    await world.clock.until(locks.close());
  });

  it('a node without a vote does not hide who holds the lock', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    world.nodes[2]!.setState({ status: 'untrusted', reason: 'it lost its memory', trustedAt: 61_000 });
    await world.clock.until(locks.acquire(R));
    expect(await world.clock.until(outcomeOf(world.manager().acquire(R)))).toBe('LOCK_NOT_ACQUIRED held');
    expect(locks.nodes()[2]).toEqual({
      name: 'node-2',
      status: 'untrusted',
      reason: 'it lost its memory',
      trustedInMs: expect.any(Number),
    });
    expect(world.warnings).toEqual(['node node-2 has no vote for another 60 s: it lost its memory']);
  });
});
