import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { LockManager } from '../../src/index.js';
import { startChild, type Child } from '../support/child.js';
import { LONG_TIMEOUT, LockManagers, scriptCalls } from '../support/lock-managers.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { until } from '../support/until.js';

/** Retries and expiry take an hour, so that only a release notification can end a wait. */
const WAIT_OPTIONS = {
  ...LONG_TIMEOUT,
  waitMs: 3_600_000,
  retryDelayMs: 3_600_000,
  ttlMs: 3_600_000,
} as const;

let redis: RedisServers;
beforeAll(async () => {
  redis = await startRedis({ count: 3 });
});
afterAll(() => redis.stop());

/** One manager per name, each in the role of a process, on the servers of this file. */
const processes = <const Names extends readonly string[]>(
  managers: LockManagers,
  ...names: Names
): Promise<{ [At in keyof Names]: LockManager }> =>
  Promise.all(
    names.map((holder) => managers.connected({ servers: redis.servers, maxTtlMs: 3_600_000, holder })),
  ) as Promise<{ [At in keyof Names]: LockManager }>;

/** The number of subscribed channels, on all servers. */
async function subscribed(): Promise<number> {
  const counts = redis.servers.map(async (server) => {
    const client = server.client();
    const channels = (await client.call('PUBSUB', 'CHANNELS', '*quorlock:wake:*')) as unknown[];
    client.disconnect();
    return channels.length;
  });
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

/** The number of processes in the wait queues of a resource, on all servers. */
async function queued(resource: string): Promise<number> {
  const counts = redis.servers.map(async (server) => {
    const client = server.client();
    const count = await client.zcard(`{lock:${resource}}:fence:wait`);
    client.disconnect();
    return count;
  });
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

describe('waiting on real servers', () => {
  it('a release by force gives the lock to a process that waits, and the holder learns it', async () => {
    await using managers = new LockManagers();
    const [holder, other, operator] = await processes(managers, 'holder', 'other', 'operator');
    const lease = await holder.acquire('hangs', { ttlMs: 6_000 });
    const waiting = other.acquire('hangs', WAIT_OPTIONS);
    await until(async () => (await queued('hangs')) === 3);
    expect(await operator.forceRelease('hangs', { reason: 'the holder hangs' })).toBe('holder');
    const next = await waiting;
    expect(next.token).toBeGreaterThan(lease.token);
    await until(() => lease.signal.aborted);
    expect(lease.signal.reason).toMatchObject({ reason: 'taken' });
    next.assertHeld();
    await next.release();
  });

  it('the first wait opens one more connection per node, for release notifications', async () => {
    await using managers = new LockManagers();
    const [one, other] = await processes(managers, 'one', 'other');
    const lease = await one.acquire('told', WAIT_OPTIONS);
    expect(await subscribed()).toBe(0);
    const waiting = other.acquire('told', WAIT_OPTIONS);
    await until(async () => (await subscribed()) === 3 && (await queued('told')) === 3);
    await lease.release();
    const next = await waiting;
    expect(next.token).toBeGreaterThan(lease.token);
    await until(async () => (await queued('told')) === 0);
    await next.release();
    await other.close();
    await until(async () => (await subscribed()) === 0);
  });

  it('many waiters of a process need few calls', async () => {
    await using managers = new LockManagers();
    const [one, other] = await processes(managers, 'one', 'other');
    const lease = await one.acquire('quiet', WAIT_OPTIONS);
    const waiting = Array.from({ length: 20 }, () => other.acquire('quiet', WAIT_OPTIONS));
    await until(async () => (await queued('quiet')) === 3);
    const before = await scriptCalls(redis.servers[0]!);
    await lease.release();
    for (const next of waiting) await (await next).release();
    // The release, one acquire, and the release after twenty leases.
    expect((await scriptCalls(redis.servers[0]!)) - before).toBeLessThanOrEqual(6);
  });

  it('a waiter whose connection broke checks on reconnection if it missed a release', async () => {
    await using managers = new LockManagers();
    const [one, other] = await processes(managers, 'one', 'other');
    const lease = await one.acquire('broken', WAIT_OPTIONS);
    const waiting = other.acquire('broken', WAIT_OPTIONS);
    await until(async () => (await queued('broken')) === 3);
    for (const server of redis.servers) {
      const client = server.client();
      await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      client.disconnect();
    }
    await lease.release();
    await (await waiting).release();
  });

  it('a dead process at the head of the wait queue is skipped', async () => {
    await using managers = new LockManagers();
    const [one, other] = await processes(managers, 'one', 'other');
    const lease = await one.acquire('dead', WAIT_OPTIONS);
    for (const server of redis.servers) {
      const client = server.client();
      for (let dead = 0; dead < 5; dead++) await client.zadd('{lock:dead}:fence:wait', dead, `dead:${dead}`);
      client.disconnect();
    }
    const waiting = other.acquire('dead', WAIT_OPTIONS);
    await until(async () => (await queued('dead')) === 3 * 6);
    await lease.release();
    await (await waiting).release();
    await until(async () => (await queued('dead')) === 0);
  });

  /**
   * A listener that has just subscribed makes one more attempt. After that there are no calls until a release
   * notification.
   */
  const untilQuiet = (): Promise<boolean> =>
    until(async () => {
      const before = await scriptCalls(redis.servers[0]!);
      await sleep(100);
      return (await scriptCalls(redis.servers[0]!)) === before;
    });

  /** A child process that is the only one in the wait queues of all nodes. */
  async function waitingChild(resource: string, options: typeof WAIT_OPTIONS): Promise<Child> {
    const nodes = redis.servers.map((server) => server.options);
    const job = { nodes, resource, maxTtlMs: 3_600_000, options };
    const child = startChild(new URL('./waiting-child.ts', import.meta.url), { args: [JSON.stringify(job)] });
    await child.message((message) => message === 'waiting');
    await until(async () => (await queued(resource)) === 3 && (await subscribed()) === 3);
    return child;
  }

  it('a process that was killed at the head of the wait queue is skipped', async () => {
    await using managers = new LockManagers();
    const [one, other] = await processes(managers, 'one', 'other');
    const lease = await one.acquire('killed', WAIT_OPTIONS);
    const child = await waitingChild('killed', WAIT_OPTIONS);
    const waiting = other.acquire('killed', WAIT_OPTIONS);
    await until(async () => (await queued('killed')) === 6 && (await subscribed()) === 6);
    await child.kill();
    // The kernel tells the servers of the end of the process. Until then they would notify it as if it were
    // alive.
    await until(async () => (await subscribed()) === 3);
    await lease.release();
    await (await waiting).release();
    expect(child.messages).toEqual(['waiting']);
    await until(async () => (await queued('killed')) === 0);
  });

  it('a notified process that is stopped delays the others by at most the TTL', async () => {
    await using managers = new LockManagers();
    const [one, other] = await processes(managers, 'one', 'other');
    const shortTtl = { ...WAIT_OPTIONS, ttlMs: 3_000, nodeTimeoutMs: 1_000 };
    const lease = await one.acquire('still', shortTtl);
    const child = await waitingChild('still', WAIT_OPTIONS);
    const waiting = other.acquire('still', shortTtl);
    await until(async () => (await queued('still')) === 6 && (await subscribed()) === 6);
    await untilQuiet();
    child.pause();
    await lease.release();
    // No notification reaches the other process. It tries again when the keys that refused it would have
    // expired.
    await (await waiting).release();
    expect(child.messages).toEqual(['waiting']);
    child.resume();
    // It had been notified while it was stopped.
    await child.message((message) => message === 'acquired');
    await child.kill();
  });

  it('split votes of many waiting processes settle in few calls, and each gets the lock', async () => {
    await using managers = new LockManagers();
    const names = Array.from({ length: 12 }, (_, index) => `p${index}`);
    const all = await processes(managers, ...names);
    const before = await scriptCalls(redis.servers[0]!);
    let held = 0;
    const tokens: number[] = [];
    await Promise.all(
      all.map(async (locks) => {
        const lease = await locks.acquire('split', { ...WAIT_OPTIONS, retryDelayMs: 100 });
        expect(++held).toBe(1);
        tokens.push(lease.token);
        await new Promise((resolve) => setImmediate(resolve));
        held--;
        await lease.release();
      }),
    );
    expect(tokens).toEqual([...tokens].sort((a, b) => a - b));
    expect(new Set(tokens).size).toBe(names.length);
    // One acquire and one release each. A split vote, or a notification by only some of the nodes, doubles
    // that.
    expect((await scriptCalls(redis.servers[0]!)) - before).toBeLessThan(20 * names.length);
  });

  it('a long contended run serves all waiters alike, with growing tokens and few calls', async () => {
    await using managers = new LockManagers();
    const all = await processes(managers, 'a', 'b', 'c', 'd');
    const WAITERS_PER_PROCESS = 8;
    // Enough for dozens of turns of each process: a turn has up to 128 leases.
    const TOTAL = 24_000;
    const served = new Array<number>(all.length * WAITERS_PER_PROCESS).fill(0);
    const tokens: number[] = [];
    const before = await scriptCalls(redis.servers[0]!);
    const workers = served.map(async (_, index) => {
      while (tokens.length < TOTAL) {
        const lease = await all[index % all.length]!.acquire('crowd', {
          ...LONG_TIMEOUT,
          waitMs: 600_000,
          ttlMs: 60_000,
        });
        tokens.push(lease.token);
        served[index]!++;
        await lease.release();
      }
    });
    await Promise.all(workers);
    const [least, most] = [Math.min(...served), Math.max(...served)];
    expect(most).toBeLessThanOrEqual(2 * least);
    for (let at = 1; at < tokens.length; at++) expect(tokens[at]).toBeGreaterThan(tokens[at - 1]!);
    const calls = (await scriptCalls(redis.servers[0]!)) - before;
    // Two calls per eight leases, and a few more at the beginning and by chance.
    expect(calls / tokens.length).toBeLessThan(1);
  });
});
