import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { LockManager } from '../../src/index.js';
import { startChild, type Child } from '../support/child.js';
import { LockManagers } from '../support/lock-managers.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { until } from '../support/until.js';
import { unpackOldVersion, type OldVersion } from '../support/version-0.1.js';
import type { OldClaim, OldRelease, OldResult } from './version-0.1-worker.js';

const HOUR = 3_600_000;
/** Expiry and retries take an hour, so that only a notification can end a wait. */
const WAIT = { ttlMs: HOUR, waitMs: HOUR, retryDelayMs: HOUR } as const;
const R = 'job';

describe('waiting beside version 0.1', () => {
  let redis: RedisServers;
  let version: OldVersion;
  let old: Child<OldResult | 'ready'>;
  let locks: LockManager;
  const managers = new LockManagers();

  beforeAll(async () => {
    redis = await startRedis({ count: 3 });
    version = unpackOldVersion();
    locks = await managers.connected({
      servers: redis.servers,
      maxTtlMs: HOUR,
      restartQuarantine: 'auto',
      holder: 'new',
    });
    const nodes = JSON.stringify(redis.servers.map(({ options }) => options));
    const worker = new URL('./version-0.1-worker.ts', import.meta.url);
    old = startChild(worker, { args: [version.path, nodes, String(HOUR)] });
    await old.message((message) => message === 'ready');
  });
  afterAll(async () => {
    await old.kill();
    await managers[Symbol.asyncDispose]();
    version.remove();
    await redis.stop();
  });

  /** On how many lists of all nodes somebody waits. A node that the holder did not need may have none. */
  async function queued(): Promise<number> {
    const counts = redis.servers.map(async (server) => {
      const client = server.client();
      const count = await client.zcard(`{lock:${R}}:fence:wait`);
      client.disconnect();
      return count;
    });
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  }

  const holds = (): number =>
    old.messages.filter((message) => message !== 'ready' && message.outcome === 'holds').length;

  it('each version hands locks on to a process of the other that waits, again and again', async () => {
    let lease = await locks.acquire(R, WAIT);
    for (let count = 1; count <= 3; count++) {
      old.send({ resource: R, ttlMs: HOUR, waitMs: HOUR, afterMs: 0, holds: true } satisfies OldClaim);
      await until(async () => (await queued()) >= 2);
      await lease.release();
      await until(() => holds() === count);
      const waiting = locks.acquire(R, WAIT);
      await until(async () => (await queued()) >= 2);
      old.send({ release: R } satisfies OldRelease);
      const next = await waiting;
      expect(next.token).toBeGreaterThan(lease.token);
      lease = next;
    }
    await lease.release();
  });
});
