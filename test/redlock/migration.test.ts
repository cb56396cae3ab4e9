import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Cluster, Redis } from 'ioredis';
import OldRedlock from 'redlock';
import { DistributedLock, QuorlockModule } from '../../src/nestjs/index.js';
import Redlock from '../../src/redlock/index.js';
import { startWith } from '../nestjs/support.js';
import { overlapsIn, type Interval } from '../support/overlaps.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';

const ONCE = { retryCount: 0 } as const;
const REFUSED = 'The operation was unable to achieve a quorum during its retry window.';

let redis: RedisServers;
const clients: Redis[] = [];

const connect = (): Redis[] => {
  const made = redis.servers.map((server) => new Redis(server.options));
  clients.push(...made);
  return made;
};

beforeAll(async () => {
  redis = await startRedis({ count: 3 });
});
afterEach(() => {
  for (const client of clients.splice(0)) client.disconnect();
});
afterAll(() => redis.stop());

/** Some of an application's workers are on redlock still, others are not. */
describe('beside workers with redlock 5', () => {
  it('each finds the locks of the other one taken, and free after their release', async () => {
    const [old, ours] = [new OldRedlock(connect(), ONCE), new Redlock(connect(), ONCE)];
    const theirLock = await old.acquire(['a', 'b'], 60_000);
    await expect(ours.acquire(['b', 'c'], 60_000)).rejects.toThrow(REFUSED);
    await theirLock.release();
    let lock = await ours.acquire(['b', 'c'], 60_000, { retryCount: 10 });
    lock = await lock.extend(60_000);
    await expect(old.acquire(['a', 'b'], 60_000)).rejects.toThrow(REFUSED);
    await lock.release();
    await (await old.acquire(['a', 'b'], 60_000, { retryCount: 10 })).release();
  });

  it('four workers of each contend for one resource, and none overlaps another', async () => {
    const over = AbortSignal.timeout(5_000);
    const intervals: Interval[] = [];
    const work = async (holder: string, redlock: Redlock | OldRedlock): Promise<void> => {
      while (!over.aborted) {
        const lock = await redlock.acquire(['shared'], 20_000, ONCE).catch(() => undefined);
        if (lock !== undefined) {
          const from = performance.now();
          await sleep(Math.random() * 10);
          intervals.push({ resource: 'shared', holder, from, to: performance.now() });
          await lock.release();
        }
        await sleep(Math.random() * 10);
      }
    };
    await Promise.all(
      [1, 2, 3, 4].flatMap((n) => [
        work(`ours ${n}`, new Redlock(connect())),
        work(`theirs ${n}`, new OldRedlock(connect())),
      ]),
    );
    expect(overlapsIn(intervals)).toEqual([]);
    for (const kind of ['ours', 'theirs'])
      expect(intervals.filter(({ holder }) => holder.startsWith(kind)).length).toBeGreaterThan(5);
  });
});

describe('a Redis Cluster', () => {
  it('is one client, as with redlock', async () => {
    await using cluster = await RedisCluster.start();
    const addresses = cluster.masters.map(({ port }) => ({ host: '127.0.0.1', port }));
    const client = new Cluster(addresses);
    const redlock = new Redlock([client], ONCE);
    const lock = await redlock.acquire(['{a}1', '{a}2'], 60_000);
    expect(await client.get('{a}2')).toBe(lock.value);
    const longer = await lock.extend(120_000);
    expect((await longer.attempts[0]!).votesFor).toEqual(new Set([client]));
    await longer.release();
    expect(await client.get('{a}2')).toBe(null);
    client.disconnect();
  });
});

@Injectable()
class Tasks {
  @DistributedLock({ key: 'job', ttl: 30, onHeld: 'throw' })
  async job(): Promise<string> {
    return 'done';
  }
}

describe('QuorlockModule with a Redlock object', () => {
  it.each<[string, (own: Redis[]) => Redlock | OldRedlock]>([
    ['of quorlock/redlock', (own) => new Redlock(own, ONCE)],
    ['of redlock', (own) => new OldRedlock(own, ONCE)],
  ])('locks together with a Redlock object %s', async (_, make) => {
    const redlock = make(connect());
    const { app } = await startWith({ imports: [QuorlockModule.forRoot({ redlock })], providers: [Tasks] });
    const lock = await redlock.acquire(['job'], 60_000);
    await expect(app.get(Tasks).job()).rejects.toMatchObject({ code: 'LOCK_NOT_ACQUIRED' });
    await lock.release();
    expect(await app.get(Tasks).job()).toBe('done');
    await app.close();
    expect([...redlock.clients].map(({ status }) => status)).toEqual(['ready', 'ready', 'ready']);
  });

  it.each<[object, string]>([
    [{ redlock: {} }, 'redlock must be a Redlock object with clients and settings'],
    [{ redlock: undefined }, 'redlock must be a Redlock object with clients and settings, got undefined'],
    [{ redlock: 7 }, 'redlock must be a Redlock object with clients and settings, got 7'],
    [
      { redlock: { clients: [], settings: {} }, nodes: ['redis://a'] },
      'redlock and nodes exclude each other',
    ],
  ])('refuses %j', async (options, message) => {
    await expect(startWith({ imports: [QuorlockModule.forRoot(options)] })).rejects.toThrow(message);
  });
});
