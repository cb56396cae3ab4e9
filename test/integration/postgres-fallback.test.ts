import { describe, expect, it } from '@jest/globals';
import { LockManager } from '../../src/index.js';
import { startChild } from '../support/child.js';
import { overlapsIn } from '../support/overlaps.js';
import { PostgresServer } from '../support/postgres-server.js';
import { startRedis } from '../support/redis-servers.js';
import { until } from '../support/until.js';
import type { HeldReport } from './fallback-report.js';

describe('PostgreSQL as the fallback of Redis', () => {
  it('no two processes hold a lock at once while every Redis is killed and comes back, and tokens grow', async () => {
    await using redis = await startRedis({ count: 3 });
    await using postgres = await PostgresServer.start();
    const env = {
      NODES: JSON.stringify(redis.servers.map(({ options }) => options)),
      FALLBACK: JSON.stringify({ postgres: postgres.config, migrate: true }),
    };
    const file = new URL('./fallback-worker.ts', import.meta.url);
    const workers = Array.from({ length: 3 }, () => startChild<HeldReport>(file, { env }));
    const held = (): (HeldReport & { resource: string; holder: string })[] =>
      workers.flatMap(({ messages, pid }) =>
        messages.map((report, at) => ({ ...report, resource: 'job', holder: `${pid}:${at}` })),
      );
    /** Waits for ten more leases of one side. */
    const more = (fallback: boolean): Promise<boolean> => {
      const isOfSide = (report: HeldReport): boolean => report.fallback === fallback;
      const before = held().filter(isOfSide).length;
      const what = `leases ${fallback ? 'of the fallback' : 'of the nodes'}`;
      return until(() => held().filter(isOfSide).length >= before + 10, { what });
    };
    try {
      await more(false);
      for (let round = 0; round < 2; round++) {
        await Promise.all(redis.servers.map((server) => server.kill()));
        await more(true);
        await Promise.all(redis.servers.map((server) => server.start()));
        await more(false);
      }
    } finally {
      await Promise.all(workers.map((worker) => worker.kill()));
    }
    const all = held().sort((a, b) => a.from - b.from);
    expect(overlapsIn(all)).toEqual([]);
    const tokens = all.map(({ token }) => token);
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
  });

  it.each<[string, unknown, RegExp]>([
    ['another word', 'disk', /fallback must be 'none', 'memory' or \{ postgres \}, got 'disk'/],
    ['another object', { redis: 'secret' }, /fallback must be .*, got another object/],
    ['a number as the database', { postgres: 7 }, /fallback\.postgres must be a pool of pg/],
    ['one of the nodes', { postgres: 'postgres://a:secret@b/c' }, /fallback is one of the nodes/],
  ])('%s is refused, and nothing of it is shown', (_name, fallback, message) => {
    const nodes = [{ postgres: 'postgres://a:secret@b/c' }];
    const make = (): unknown => new LockManager({ nodes, fallback: fallback as 'memory' });
    expect(make).toThrow(message);
    expect(make).not.toThrow(/secret/);
  });
});
