import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { LockManager } from '../../src/index.js';
import { startChild, type Child } from '../support/child.js';
import { CALM, LockManagers, scriptCalls } from '../support/lock-managers.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { until } from '../support/until.js';

/** Looking and expiry are an hour away: whoever gets it was told. */
const WAITS = { ...CALM, waitMs: 3_600_000, retryDelayMs: 3_600_000, ttlMs: 3_600_000 } as const;

let redis: RedisServers;
beforeAll(async () => {
  redis = await startRedis({ count: 3 });
});
afterAll(() => redis.stop());

/** A manager for each process that is meant, on the servers of this file. */
const processes = <const Names extends readonly string[]>(
  managers: LockManagers,
  ...names: Names
): Promise<{ [At in keyof Names]: LockManager }> =>
  Promise.all(
    names.map((holder) => managers.connected({ servers: redis.servers, maxTtlMs: 3_600_000, holder })),
  ) as Promise<{ [At in keyof Names]: LockManager }>;

/** How many are subscribed to a channel, on all servers. */
async function subscribed(): Promise<number> {
  const counts = redis.servers.map(async (server) => {
    const client = server.client();
    const channels = (await client.call('PUBSUB', 'CHANNELS', '*quorlock:wake:*')) as unknown[];
    client.disconnect();
    return channels.length;
  });
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

/** How many stand on a resource's list, on all servers. */
async function listed(resource: string): Promise<number> {
  const counts = redis.servers.map(async (server) => {
    const client = server.client();
    const count = await client.zcard(`{lock:${resource}}:fence:wait`);
    client.disconnect();
    return count;
  });
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

describe('waiting on real servers', () => {
  it('is told of a release, over one more connection per node that is opened at the first wait', async () => {
    await using managers = new LockManagers();
    const [one, other] = await processes(managers, 'one', 'other');
    const lease = await one.acquire('told', WAITS);
    expect(await subscribed()).toBe(0);
    const waiting = other.acquire('told', WAITS);
    await until(async () => (await subscribed()) === 3 && (await listed('told')) === 3);
    await lease.release();
    const next = await waiting;
    expect(next.token).toBeGreaterThan(lease.token);
    await until(async () => (await listed('told')) === 0);
    await next.release();
    await other.close();
    await until(async () => (await subscribed()) === 0);
  });

  it('takes few calls, however many wait in a process', async () => {
    await using managers = new LockManagers();
    const [one, other] = await processes(managers, 'one', 'other');
    const lease = await one.acquire('quiet', WAITS);
    const waiting = Array.from({ length: 20 }, () => other.acquire('quiet', WAITS));
    await until(async () => (await listed('quiet')) === 3);
    const before = await scriptCalls(redis.servers[0]!);
    await lease.release();
    for (const next of waiting) await (await next).release();
    // The release, one acquisition, and the release after twenty leases.
    expect((await scriptCalls(redis.servers[0]!)) - before).toBeLessThanOrEqual(6);
  });

  it('goes on over a connection that was broken: whoever is back looks whether it missed something', async () => {
    await using managers = new LockManagers();
    const [one, other] = await processes(managers, 'one', 'other');
    const lease = await one.acquire('broken', WAITS);
    const waiting = other.acquire('broken', WAITS);
    await until(async () => (await listed('broken')) === 3);
    for (const server of redis.servers) {
      const client = server.client();
      await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      client.disconnect();
    }
    await lease.release();
    await (await waiting).release();
  });

  it('passes over a process that died at the head of the list', async () => {
    await using managers = new LockManagers();
    const [one, other] = await processes(managers, 'one', 'other');
    const lease = await one.acquire('dead', WAITS);
    for (const server of redis.servers) {
      const client = server.client();
      for (let dead = 0; dead < 5; dead++) await client.zadd('{lock:dead}:fence:wait', dead, `dead:${dead}`);
      client.disconnect();
    }
    const waiting = other.acquire('dead', WAITS);
    await until(async () => (await listed('dead')) === 3 * 6);
    await lease.release();
    await (await waiting).release();
    await until(async () => (await listed('dead')) === 0);
  });

  /** Whose ears have just opened looks once more; then nobody asks until somebody is told. */
  const untilQuiet = (): Promise<boolean> =>
    until(async () => {
      const before = await scriptCalls(redis.servers[0]!);
      await sleep(100);
      return (await scriptCalls(redis.servers[0]!)) === before;
    });

  /** A process of its own that stands alone on the lists of all nodes. */
  async function waitingChild(resource: string, options: typeof WAITS): Promise<Child> {
    const nodes = redis.servers.map((server) => server.options);
    const job = { nodes, resource, maxTtlMs: 3_600_000, options };
    const child = startChild(new URL('./waiting-child.ts', import.meta.url), { args: [JSON.stringify(job)] });
    await child.message((message) => message === 'waiting');
    await until(async () => (await listed(resource)) === 3 && (await subscribed()) === 3);
    return child;
  }

  it('passes over a process that was killed while it stood at the head of the list', async () => {
    await using managers = new LockManagers();
    const [one, other] = await processes(managers, 'one', 'other');
    const lease = await one.acquire('killed', WAITS);
    const child = await waitingChild('killed', WAITS);
    const waiting = other.acquire('killed', WAITS);
    await until(async () => (await listed('killed')) === 6 && (await subscribed()) === 6);
    await child.kill();
    // Servers hear of a process's end from the kernel; until then it would be told like a living one.
    await until(async () => (await subscribed()) === 3);
    await lease.release();
    await (await waiting).release();
    expect(child.messages).toEqual(['waiting']);
    await until(async () => (await listed('killed')) === 0);
  });

  it('waits no longer than the TTL for a process that is told, and stands still', async () => {
    await using managers = new LockManagers();
    const [one, other] = await processes(managers, 'one', 'other');
    const patient = { ...WAITS, ttlMs: 3_000, nodeTimeoutMs: 1_000 };
    const lease = await one.acquire('still', patient);
    const child = await waitingChild('still', WAITS);
    const waiting = other.acquire('still', patient);
    await until(async () => (await listed('still')) === 6 && (await subscribed()) === 6);
    await untilQuiet();
    child.pause();
    await lease.release();
    // Nobody tells it: it looks when the keys that it was refused by would have expired.
    await (await waiting).release();
    expect(child.messages).toEqual(['waiting']);
    child.resume();
    // It was told all the while.
    await child.message((message) => message === 'acquired');
    await child.kill();
  });

  it('settles split votes among many processes: each gets it once, after few questions', async () => {
    await using managers = new LockManagers();
    const names = Array.from({ length: 12 }, (_, index) => `p${index}`);
    const all = await processes(managers, ...names);
    const before = await scriptCalls(redis.servers[0]!);
    let held = 0;
    const tokens: number[] = [];
    await Promise.all(
      all.map(async (locks) => {
        const lease = await locks.acquire('split', { ...WAITS, retryDelayMs: 100 });
        expect(++held).toBe(1);
        tokens.push(lease.token);
        await new Promise((resolve) => setImmediate(resolve));
        held--;
        await lease.release();
      }),
    );
    expect(tokens).toEqual([...tokens].sort((a, b) => a - b));
    expect(new Set(tokens).size).toBe(names.length);
    // An acquisition and a release each, and as many again for each that was split or told by a part of the nodes only.
    expect((await scriptCalls(redis.servers[0]!)) - before).toBeLessThan(20 * names.length);
  });

  it('serves all alike in a long contended run, with tokens that grow, and is not dear', async () => {
    await using managers = new LockManagers();
    const all = await processes(managers, 'a', 'b', 'c', 'd');
    const EACH = 8;
    // So many that each process has its turn dozens of times: a turn is up to 128 leases.
    const ENOUGH = 24_000;
    const served = new Array<number>(all.length * EACH).fill(0);
    const tokens: number[] = [];
    const before = await scriptCalls(redis.servers[0]!);
    const workers = served.map(async (_, who) => {
      while (tokens.length < ENOUGH) {
        const lease = await all[who % all.length]!.acquire('crowd', {
          ...CALM,
          waitMs: 600_000,
          ttlMs: 60_000,
        });
        tokens.push(lease.token);
        served[who]!++;
        await lease.release();
      }
    });
    await Promise.all(workers);
    const [least, most] = [Math.min(...served), Math.max(...served)];
    expect(most).toBeLessThanOrEqual(2 * least);
    for (let at = 1; at < tokens.length; at++) expect(tokens[at]).toBeGreaterThan(tokens[at - 1]!);
    const calls = (await scriptCalls(redis.servers[0]!)) - before;
    // Two for a run of eight, and some at the beginning and by chance.
    expect(calls / tokens.length).toBeLessThan(1);
  });
});
