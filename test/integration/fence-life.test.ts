import { expect, it } from '@jest/globals';
import { LockManager } from '../../src/index.js';
import { startRedis } from '../support/redis-servers.js';

const DAY_MS = 86_400_000;

it('a fence key lives for fenceTtlMs, by default for a day, and with a tick on record for seven days', async () => {
  await using redis = await startRedis({ count: 1 });
  const [server] = redis.servers;
  const lifeOf = async (resource: string): Promise<number> =>
    (await server!.client().pttl(`{lock:${resource}}:fence`)) / 60_000;
  const nodes = [server!.options];
  const [plain, brief] = [{}, { fenceTtlMs: 120_000 }].map(
    (options) => new LockManager({ nodes, ...options, warn: () => undefined }),
  ) as [LockManager, LockManager];
  try {
    await (await plain.acquire('a')).release();
    await (await brief.acquire('b')).release();
    await (await brief.acquire('c', { tick: Date.now() })).release();
    // In minutes, rounded up: the machine may be slow, but not by a minute.
    const minutes = (await Promise.all(['a', 'b', 'c'].map(lifeOf))).map(Math.ceil);
    expect(minutes).toEqual([DAY_MS / 60_000, 2, (7 * DAY_MS) / 60_000]);
  } finally {
    await Promise.all([plain.close(), brief.close()]);
  }
});

it('a counter goes on where it is younger than half of fenceTtlMs, else from the time', async () => {
  await using redis = await startRedis({ count: 1 });
  const [server] = redis.servers;
  const ageMs = 450_000;
  const tokenAfter = async (fenceTtlMs: number, old: number): Promise<number> => {
    const locks = new LockManager({ nodes: [server!.options], fenceTtlMs, warn: () => undefined });
    try {
      // The server believes only counters of its own run. This one has been running for long.
      await (await locks.acquire('b')).release();
      await server!.client().hset('lock:quorlock:node', 'anew', 0);
      await server!.client().set('{lock:a}:fence', old, 'PX', DAY_MS);
      const lease = await locks.acquire('a');
      await lease.release();
      return lease.token;
    } finally {
      await locks.close();
    }
  };
  const old = (Date.now() - ageMs) * 1_000;
  expect(await tokenAfter(3 * ageMs, old)).toBe(old + 1);
  const anew = await tokenAfter(ageMs + 60_000, old);
  expect(anew - old).toBeGreaterThan((ageMs - 5_000) * 1_000);
});
