import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startChild, type Child } from '../support/child.js';
import { LONG_TIMEOUT, LockManagers, untilGone, valuesOf } from '../support/lock-managers.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { until } from '../support/until.js';
import type { Order, Report } from './process-worker.js';

const worker = new URL('./process-worker.ts', import.meta.url);

let redis: RedisServers;
let managers: LockManagers;
const children: Child<Report>[] = [];

beforeEach(async () => {
  managers = new LockManagers();
  redis = await startRedis({ count: 5 });
});
afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.kill()));
  await managers[Symbol.asyncDispose]();
  await redis.stop();
});

function startWorker(): Child<Report> & { order(order: Order): void } {
  const nodes = JSON.stringify(redis.servers.map((server) => server.options));
  const child = startChild<Report>(worker, { env: { NODES: nodes } });
  children.push(child);
  return Object.assign(child, { order: (order: Order) => child.send(order) });
}

const did =
  <D extends Report['did']>(what: D) =>
  (report: Report): report is Extract<Report, { did: D }> =>
    report.did === what;

/** An upper bound of the time that a slow machine needs to run a timer and to get the replies of a round. */
const MACHINE_MS = 5_000;

it('the next holder gets the lock of a killed worker after the TTL and one retry delay', async () => {
  const { servers } = redis;
  const child = startWorker();
  child.order({ do: 'hold', ttlMs: 2_000 });
  const { token } = await child.message(did('held'));
  const next = await managers.connected({ servers, ...LONG_TIMEOUT });
  expect(await next.tryAcquire('job')).toBeNull();
  await child.kill();
  const killedAt = performance.now();
  const expiries = await Promise.all(
    servers.map(async (server) => Number(await server.client().call('PEXPIRETIME', 'lock:job'))),
  );
  const retryDelayMs = 100;
  const lease = await next.acquire('job', { ttlMs: 15_000, waitMs: 60_000, retryDelayMs });
  expect(performance.now() - killedAt).toBeLessThanOrEqual(2_000 + 1.5 * retryDelayMs + MACHINE_MS);
  // The lease is not granted before a majority of the keys has expired. The nodes' clocks are this machine's
  // clock.
  const majorityAt = expiries.toSorted((a, b) => a - b)[2]!;
  expect(Date.now()).toBeGreaterThanOrEqual(majorityAt - 1);
  expect(lease.token).toBeGreaterThan(token);
  await lease.release();
});

it("a worker stopped for longer than its TTL loses its lease and keeps the next holder's keys", async () => {
  const child = startWorker();
  child.order({ do: 'hold', ttlMs: 800 });
  const { token } = await child.message(did('held'));
  child.pause();
  const next = await managers.connected({ servers: redis.servers, ...LONG_TIMEOUT });
  const lease = await next.acquire('job', { waitMs: 60_000, retryDelayMs: 50 });
  expect(lease.token).toBeGreaterThan(token);
  const holders = await valuesOf(redis.servers, 'lock:job');
  child.resume();
  expect(await child.message(did('lost'))).toMatchObject({ reason: expect.stringMatching(/stalled|taken/) });
  await sleep(200);
  expect(await valuesOf(redis.servers, 'lock:job')).toEqual(holders);
  lease.assertHeld();
  await lease.release();
});

describe('a process', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['healthy', () => Promise.resolve()],
    ['stopped', () => Promise.resolve(redis.servers.forEach((server) => server.pause()))],
    ['killed', () => Promise.all(redis.servers.map((server) => server.kill()))],
    [
      'stopped, killed and healthy',
      () => {
        redis.servers[0]!.pause();
        redis.servers[1]!.pause();
        return redis.servers[2]!.kill();
      },
    ],
  ])('a process ends by itself after close() with leases held and all nodes %s', async (nodes, disturb) => {
    const child = startWorker();
    child.order({ do: 'hold' });
    await child.message(did('held'));
    await disturb();
    child.order({ do: 'close' });
    expect(await child.message(did('closed'))).toEqual({ did: 'closed', unhandled: [] });
    expect(await child.exit).toEqual({ code: 0, signal: null });
    const healthy = redis.servers.slice(3).filter(({ running }) => running);
    if (nodes.endsWith('healthy')) await untilGone(healthy, 'lock:job');
  });

  it('the loss of a lease without a listener is no unhandled rejection (failure 9)', async () => {
    const child = startWorker();
    child.order({ do: 'hold', ttlMs: 600 });
    await child.message(did('held'));
    redis.servers.slice(0, 3).forEach((server) => server.pause());
    expect(await child.message(did('lost'))).toEqual({ did: 'lost', reason: 'unreachable' });
    child.order({ do: 'close' });
    expect(await child.message(did('closed'))).toEqual({ did: 'closed', unhandled: [] });
    expect(await child.exit).toEqual({ code: 0, signal: null });
  });

  it('locking during many faults leaves no unhandled rejection and no key (failure 9)', async () => {
    const child = startWorker();
    child.order({ do: 'storm' });
    const { servers } = redis;
    for (let round = 0; round < 3; round++) {
      servers[round]!.pause();
      await servers[round + 1]!.kill();
      await sleep(250);
      servers[(round + 3) % 5]!.pause();
      // A majority is away until the worker has seen it.
      await child.message(did('failed'));
      await sleep(250);
      for (const server of servers) server.resume();
      await servers[round + 1]!.start();
      await servers[(round + 2) % 5]!.client().script('FLUSH');
      await sleep(250);
    }
    await child.message(did('won'));
    child.order({ do: 'calm' });
    const report = await child.message(did('calmed'));
    expect(report.unhandled).toEqual([]);
    expect(report.won).toBeGreaterThan(0);
    expect(report.failed).toBeGreaterThan(0);
    child.order({ do: 'close' });
    expect(await child.message(did('closed'))).toEqual({ did: 'closed', unhandled: [] });
    expect(await child.exit).toEqual({ code: 0, signal: null });
    await until(async () => {
      const left = await Promise.all(servers.map((server) => server.client().keys('lock:*')));
      // The marker of a node stays.
      return left.flat().every((key) => key.includes('quorlock:node'));
    });
  });
});
