import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { LockManagerOptions } from '../../../src/index.js';
import { startChild, type Child } from '../../support/child.js';
import { LONG_TIMEOUT, LockManagers, untilGone } from '../../support/lock-managers.js';
import { startRedis, type RedisServers } from '../../support/redis-servers.js';
import { until } from '../../support/until.js';
import type { Order, Report } from './stalled-worker.js';

const program = new URL('./stalled-worker.ts', import.meta.url);

let redis: RedisServers;
let managers: LockManagers;
let child: Child<Report>;

beforeEach(async () => {
  managers = new LockManagers();
  redis = await startRedis({ count: 3 });
});
afterEach(async () => {
  await child.kill();
  await managers[Symbol.asyncDispose]();
  await redis.stop();
});

const order = (what: Order): void => child.send(what);

const did =
  <D extends Report['did']>(what: D) =>
  (report: Report): report is Extract<Report, { did: D }> =>
    report.did === what;

const TTL_MS = 1_000;

/** A process that holds the lock, and whose worker thread is connected to the nodes. */
async function startHolder(options: Partial<LockManagerOptions>): Promise<number> {
  const nodes = redis.servers.map((server) => server.options);
  const given = { nodes, restartQuarantine: 'off', ttlMs: TTL_MS, nodeTimeoutMs: 300, ...options };
  child = startChild<Report>(program, { env: { OPTIONS: JSON.stringify(given) } });
  order({ do: 'hold' });
  const { token } = await child.message(did('held'));
  if ((options.maxStallMs ?? 0) > 0)
    await until(async () => (await connections()) >= 6, { what: 'its worker thread to connect' });
  // From here on a whole TTL is left.
  const before = child.messages.length;
  await until(() => child.messages.slice(before).some(did('extended')), { what: 'an extension' });
  return token;
}

/** How many connections to the nodes know the script, without those of the test. */
async function connections(): Promise<number> {
  const lists = await Promise.all(
    redis.servers.map(async (server) => String(await server.client().client('LIST'))),
  );
  return lists
    .join('\n')
    .split('\n')
    .filter((line) => /cmd=(evalsha|eval)\b/.test(line)).length;
}

/** What another process gets while the holder is blocked. */
async function blockAndTry(
  forMs: number,
): Promise<{ blocked: Extract<Report, { did: 'blocked' }>; others: number }> {
  const other = await managers.connected({ servers: redis.servers, ...LONG_TIMEOUT });
  let others = 0;
  order({ do: 'block', forMs });
  const trying = (async () => {
    while (!child.messages.some(did('blocked'))) {
      const lease = await other.tryAcquire('job', { ttlMs: 15_000 });
      if (lease !== null) others++;
      await lease?.release();
      await sleep(20);
    }
  })();
  const blocked = await child.message(did('blocked'));
  await trying;
  return { blocked, others };
}

describe('a job that blocks the event loop for longer than its TTL', () => {
  it('a job that blocks its loop keeps its lease with maxStallMs, and nobody else gets it', async () => {
    await startHolder({ maxStallMs: 60_000 });
    const { blocked, others } = await blockAndTry(3 * TTL_MS);
    expect(blocked.lost).toBeUndefined();
    expect(blocked.remainingMs).toBeGreaterThan(0);
    expect(others).toBe(0);
    // The main thread continues with the lease.
    const before = child.messages.length;
    await until(() => child.messages.slice(before).some(did('extended')), { what: 'an extension' });
    const { delayMs } = await child.message(did('stalled'));
    expect(delayMs).toBeGreaterThan(100);
    order({ do: 'release' });
    await child.message(did('released'));
    await untilGone(redis.servers, 'job');
    order({ do: 'close' });
    await child.message(did('closed'));
    expect(await child.exit).toMatchObject({ code: 0 });
    expect(child.messages.filter(did('warned'))).toEqual([]);
  });

  it('a job that blocks its loop longer than maxStallMs loses its lease', async () => {
    const token = await startHolder({ maxStallMs: 600 });
    const other = await managers.connected({ servers: redis.servers, ...LONG_TIMEOUT });
    order({ do: 'block', forMs: 3 * TTL_MS + 600 });
    const lease = await other.acquire('job', { ttlMs: 15_000, waitMs: 60_000 });
    expect(lease.token).toBeGreaterThan(token);
    expect(await child.message(did('blocked'))).toMatchObject({ remainingMs: 0, lost: 'stalled' });
    lease.assertHeld();
    await lease.release();
  });

  it('a job that blocks its loop without maxStallMs loses its lease', async () => {
    await startHolder({});
    const { blocked, others } = await blockAndTry(3 * TTL_MS);
    expect(blocked).toMatchObject({ remainingMs: 0, lost: 'stalled' });
    expect(others).toBeGreaterThan(0);
  });

  it('a job that blocks its loop after the release does not keep the lease', async () => {
    await startHolder({ maxStallMs: 60_000 });
    order({ do: 'release' });
    await child.message(did('released'));
    const { others } = await blockAndTry(TTL_MS);
    expect(others).toBeGreaterThan(0);
    await untilGone(redis.servers, 'job');
  });
});
