import { describe, expect, it } from '@jest/globals';
import { ASK_OTHERS_AFTER_MS } from '../../../src/core/quarantine.js';
import { Clients, outcomeOf, R, SHORT, untilStatus } from '../../support/clients.js';
import { startRedis } from '../../support/redis-servers.js';

/** Far longer than any rule here lasts, so that it tells these from each other on a slow machine, too. */
const HOUR_MS = 3_600_000;
/** Later than this, nothing was planned for the right instant. A machine may be slow, but not that slow. */
const LATE_MS = 120_000;

/** How long the node has no vote, in milliseconds, from the first word that it lost its memory. */
async function quarantineOf(locks: Parameters<typeof untilStatus>[0], nodeIndex: number): Promise<number> {
  await untilStatus(locks, nodeIndex, 'untrusted');
  const since = performance.now();
  await untilStatus(locks, nodeIndex, 'ready');
  return performance.now() - since;
}

describe('a node that lost its memory, among others that kept theirs', () => {
  it('votes again after five seconds if nothing is held, whatever maxTtlMs is', async () => {
    await using redis = await startRedis({ count: 3 });
    await using clients = new Clients(redis.servers);
    const locks = await clients.ready({ maxTtlMs: HOUR_MS });
    await (await locks.acquire(R, { ttlMs: HOUR_MS })).release();
    await redis.servers[0]!.restart({ keepData: false });
    const lastedMs = await quarantineOf(locks, 0);
    expect(lastedMs).toBeGreaterThan(ASK_OTHERS_AFTER_MS - 500);
    expect(lastedMs).toBeLessThan(ASK_OTHERS_AFTER_MS + LATE_MS);
    expect(await outcomeOf(locks.acquire(R))).toBe('granted');
  });

  it('votes again when the lease that it may have granted is over, and not before', async () => {
    await using redis = await startRedis({ count: 3 });
    await using clients = new Clients(redis.servers);
    const long = { maxTtlMs: HOUR_MS };
    const [locks, witness] = [await clients.ready(long), await clients.ready(long)];
    const ttlMs = 9_000;
    const acquiredAt = performance.now();
    const lease = await locks.acquire(R, { ttlMs, autoExtend: false });
    await redis.servers[0]!.restart({ keepData: false });
    await quarantineOf(witness, 0);
    expect(performance.now() - acquiredAt).toBeGreaterThan(ttlMs);
    expect(performance.now() - acquiredAt).toBeLessThan(ttlMs + LATE_MS);
    expect(lease.remainingMs()).toBe(0);
  });

  it('has no vote while a lease of ten minutes is out, and votes again soon after its release', async () => {
    await using redis = await startRedis({ count: 3 });
    await using clients = new Clients(redis.servers);
    const [locks, witness] = [await clients.ready(), await clients.ready()];
    const lease = await locks.acquire(R, { ttlMs: 600_000, autoExtend: false });
    await redis.servers[0]!.restart({ keepData: false });
    await untilStatus(witness, 0, 'untrusted');
    await new Promise((resolve) => setTimeout(resolve, ASK_OTHERS_AFTER_MS + 3_000));
    expect(witness.nodes()[0]!.status).toBe('untrusted');
    expect(lease.signal.aborted).toBe(false);
    await lease.release();
    const releasedAt = performance.now();
    await untilStatus(witness, 0, 'ready');
    // The others are asked again every five seconds.
    expect(performance.now() - releasedAt).toBeLessThan(5_000 + LATE_MS);
  });
});

describe('a node that lost its memory, where too few others can tell', () => {
  it('has no vote for the longest quarantine that any client has asked for', async () => {
    await using redis = await startRedis({ count: 3 });
    await using clients = new Clients(redis.servers);
    const [short, long] = [SHORT, { ...SHORT, maxTtlMs: 9_000 }];
    const locks = await clients.ready(short);
    await (await clients.ready(long)).close();
    // It learns from the markers of the others what the other client has asked for.
    const fresh = await clients.ready(short);
    await redis.servers[1]!.kill();
    await redis.servers[0]!.restart({ keepData: false });
    const lastedMs = await quarantineOf(fresh, 0);
    expect(lastedMs).toBeGreaterThan(8_000);
    await locks.close();
  });
});
