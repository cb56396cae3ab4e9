import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { LeaseJson } from '../../src/index.js';
import { startChild, type Child } from '../support/child.js';
import { LockManagers, valuesOf } from '../support/lock-managers.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';

let redis: RedisServers;
beforeAll(async () => {
  redis = await startRedis({ count: 3 });
});
afterAll(() => redis.stop());

interface Report {
  readonly token?: number;
  readonly error?: string;
}

async function startAdopter(holder: string): Promise<Child> {
  const nodes = redis.servers.map(({ options }) => options);
  const args = [JSON.stringify({ nodes, holder })];
  const child = startChild(new URL('./transfer-child.ts', import.meta.url), { args });
  await child.message((message) => message === 'ready');
  return child;
}

async function adoptedBy(child: Child, json: LeaseJson): Promise<Report> {
  child.send(json);
  return (await child.message((message) => typeof message === 'object')) as Report;
}

describe('a lease goes from process to process, on real servers', () => {
  it('the one that adopts it goes on with it, and the one that comes second does not get it', async () => {
    await using managers = new LockManagers();
    const locks = await managers.connected({ servers: redis.servers, holder: 'parent' });
    const [first, second] = await Promise.all(['first', 'second'].map(startAdopter));
    const lease = await locks.acquire('import', { ttlMs: 60_000 });
    const json = await lease.transfer();
    const { token } = await adoptedBy(first!, json);
    expect(token).toBeGreaterThan(lease.token);
    expect(await adoptedBy(second!, json)).toEqual({ error: 'LockNotAcquiredError' });
    const owners = await valuesOf(redis.servers, 'lock:import');
    expect(owners.every((owner) => owner?.endsWith('@first'))).toBe(true);
    first!.send('release');
    await first!.message((message) => message === 'released');
    const next = await locks.acquire('import', { waitMs: 60_000 });
    expect(next.token).toBeGreaterThan(token!);
    await Promise.all([first!.kill(), second!.kill()]);
  });
});
