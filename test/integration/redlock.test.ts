import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import Redlock, { ExecutionError, type Lock } from 'redlock';
import { LockNotAcquiredError, LockError, type LockManager } from '../../src/index.js';
import { LONG_TIMEOUT, LockManagers, untilGone, valuesOf } from '../support/lock-managers.js';
import { overlapsIn, type Interval } from '../support/overlaps.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { until } from '../support/until.js';

/**
 * With the empty prefix this library and redlock 5.0.0-beta.2 exclude each other, so that one can replace the
 * other step by step.
 */
let redis: RedisServers;
let managers: LockManagers;
let clients: Redis[];

beforeEach(async () => {
  redis = await startRedis({ count: 5 });
  managers = new LockManagers();
  clients = [];
});
afterEach(async () => {
  await managers[Symbol.asyncDispose]();
  clients.forEach((client) => client.disconnect());
  await redis.stop();
});

/** A redlock with connections of its own that tries once. */
function redlock(): Redlock {
  const own = redis.servers.map((server) => new Redis(server.options));
  clients.push(...own);
  return new Redlock(own, { retryCount: 0 });
}

const quorlock = (): Promise<LockManager> =>
  managers.connected({ servers: redis.servers, keyPrefix: '', restartQuarantine: 'auto', ...LONG_TIMEOUT });

describe('beside redlock', () => {
  it('a resource that redlock holds is refused, and is free once redlock has released it', async () => {
    const [theirs, ours] = [redlock(), await quorlock()];
    const lock = await theirs.acquire(['account:7'], 20_000);
    const error = await ours.acquire('account:7').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(LockNotAcquiredError);
    expect(error).toMatchObject({ reason: 'held', owner: undefined });
    expect((error as LockNotAcquiredError).retryAfterMs).toBeGreaterThan(10_000);
    await lock.release();
    const lease = await ours.acquire('account:7', { waitMs: 10_000 });
    expect(lease.token).toBeGreaterThan(0);
    await lease.release();
  });

  it('redlock is refused while a lease is held and extended, and not after its release', async () => {
    const [theirs, ours] = [redlock(), await quorlock()];
    const lease = await ours.acquire('account:7', {
      ttlMs: 1_500,
      nodeTimeoutMs: 500,
      waitMs: 20_000,
    });
    const since = performance.now();
    while (performance.now() - since < 4_000) {
      await expect(theirs.acquire(['account:7'], 1_000)).rejects.toThrow(ExecutionError);
      await sleep(50);
    }
    lease.assertHeld();
    await lease.release();
    await until(async () => {
      const lock = await theirs.acquire(['account:7'], 5_000);
      await lock.release();
      return true;
    });
  });

  it('a release by redlock removes no key of quorlock, and the other way round', async () => {
    const [theirs, ours] = [redlock(), await quorlock()];
    const lock = await theirs.acquire(['a'], 150);
    await untilGone(redis.servers, 'a');
    const lease = await ours.acquire('a');
    await lock.release().catch(() => undefined);
    await until(async () => (await valuesOf(redis.servers, 'a')).every((value) => value !== null));
    lease.assertHeld();
    await lease.release();
    await untilGone(redis.servers, 'a');

    const expired = await ours.acquire('b', {
      ttlMs: 600,
      nodeTimeoutMs: 200,
      waitMs: 20_000,
      autoExtend: false,
    });
    await untilGone(redis.servers, 'b');
    const theirLock = await theirs.acquire(['b'], 20_000);
    await expired.release();
    await expect(expired.extend()).rejects.toMatchObject({ code: 'LEASE_LOST' });
    const values = await valuesOf(redis.servers, 'b');
    expect(values).toEqual(values.map(() => theirLock.value));
  });

  it('four quorlock and four redlock clients contend, all get locks, and none overlaps another', async () => {
    const RESOURCES = ['invoice:1', 'invoice:2', '{user:7}:mail'];
    const over = AbortSignal.timeout(10_000);
    const intervals: Interval[] = [];
    const anyResource = (): string => RESOURCES[Math.floor(Math.random() * RESOURCES.length)]!;

    async function ours(holder: string): Promise<void> {
      const locks = await quorlock();
      while (!over.aborted) {
        const resource = anyResource();
        const options = { ttlMs: 400, nodeTimeoutMs: 130 };
        const lease = await locks.tryAcquire(resource, options).catch((error: unknown) => {
          // On a slow machine a node may reply too late.
          if (error instanceof LockError) return null;
          throw error;
        });
        if (lease !== null) {
          const from = performance.now();
          // Sometimes longer than the TTL, so that only the extensions keep redlock out.
          const ms = Math.random() < 0.05 ? 900 : Math.random() * 20;
          // On a machine that pauses, a lease may be lost. The holder holds it until the signal aborts.
          await sleep(ms, undefined, { signal: lease.signal }).catch(() => undefined);
          intervals.push({ resource, holder, from, to: performance.now() });
          await lease.release();
        }
        await sleep(Math.random() * 10);
      }
    }

    async function theirs(holder: string): Promise<void> {
      const locks = redlock();
      while (!over.aborted) {
        const resource = anyResource();
        try {
          let lock: Lock = await locks.acquire([resource], 1_000);
          const from = performance.now();
          if (Math.random() < 0.1) lock = await lock.extend(1_000);
          await sleep(Math.random() * 20);
          // A lock that has expired by redlock's own clock excludes nobody.
          if (Date.now() < lock.expiration) intervals.push({ resource, holder, from, to: performance.now() });
          await lock.release();
        } catch (error) {
          if (!(error instanceof ExecutionError)) throw error;
        }
        await sleep(Math.random() * 10);
      }
    }

    await Promise.all(['1', '2', '3', '4'].flatMap((n) => [ours(`quorlock ${n}`), theirs(`redlock ${n}`)]));
    expect(overlapsIn(intervals)).toEqual([]);
    for (const kind of ['quorlock', 'redlock']) {
      expect(intervals.filter(({ holder }) => holder.startsWith(kind)).length).toBeGreaterThan(20);
    }
    // The check works: the same record with one holder that started too early has one overlap.
    const [some] = intervals;
    const intruder = { ...some!, holder: 'intruder', from: (some!.from + some!.to) / 2 };
    expect(overlapsIn([...intervals, intruder])).toHaveLength(1);
  });
});
