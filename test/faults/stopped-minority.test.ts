import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { LockEvent } from '../../src/index.js';
import { LockManagers, ofType, record, untilGone, valuesOf } from '../support/lock-managers.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { until } from '../support/until.js';

let redis: RedisServers;
let managers: LockManagers;

async function start(count: number): Promise<RedisServers> {
  managers = new LockManagers();
  return (redis = await startRedis({ count }));
}

afterEach(async () => {
  await managers[Symbol.asyncDispose]();
  await redis.stop();
});

/** Timeouts so long that a test fails if it waits for a stopped node. */
const LONG_TIMEOUTS = { ttlMs: 60_000, nodeTimeoutMs: 2_000, restartQuarantine: 'auto' } as const;

/** The nodes that replied, whatever their votes were. A stopped node does not reply. */
const answeredBy = (events: readonly LockEvent[]): Set<string> =>
  new Set(ofType(events, 'vote').map(({ node }) => node));

describe.each([
  [3, 1],
  [5, 2],
])('of %i nodes %i stopped', (count, stopped) => {
  const halves = () => ({ healthy: redis.servers.slice(stopped), hung: redis.servers.slice(0, stopped) });

  it('acquire, extend and release succeed without the replies of stopped nodes', async () => {
    const { servers } = await start(count);
    const locks = await managers.connected({ servers, ...LONG_TIMEOUTS });
    const { healthy, hung } = halves();
    const events = record(locks);
    hung.forEach((server) => server.pause());
    const names = hung.map((server) => server.path);
    const lease = await locks.acquire('invoice:7');
    await lease.extend();
    await lease.release();
    for (const name of names) expect(answeredBy(events)).not.toContain(name);
    expect(ofType(events, 'released')).toMatchObject([{ acknowledged: healthy.length }]);
    hung.forEach((server) => server.resume());
    await untilGone(servers, 'lock:invoice:7');
  });

  it('a held resource is refused to others, and is free for them after its release', async () => {
    const { servers } = await start(count);
    const [one, other] = [
      await managers.connected({ servers, ...LONG_TIMEOUTS }),
      await managers.connected({ servers, ...LONG_TIMEOUTS }),
    ];
    halves().hung.forEach((server) => server.pause());
    const lease = await one.acquire('invoice:7');
    const events = record(other);
    expect(await other.tryAcquire('invoice:7')).toBeNull();
    for (const { path } of halves().hung) expect(answeredBy(events)).not.toContain(path);
    await lease.release();
    expect(await other.tryAcquire('invoice:7')).not.toBeNull();
  });
});

it('a lease outlives several TTLs with one of three nodes stopped (failure 4)', async () => {
  const { servers } = await start(3);
  const [one, other] = [await managers.connected({ servers }), await managers.connected({ servers })];
  const OPTIONS = { ttlMs: 3_000, nodeTimeoutMs: 1_000 };
  const events = record(one);
  const lease = await one.acquire('job', OPTIONS);
  servers[0]!.pause();
  const since = performance.now();
  let refusals = 0;
  for (; performance.now() - since < 2 * OPTIONS.ttlMs; refusals++) {
    expect(await other.tryAcquire('job', OPTIONS)).toBeNull();
    await sleep(20);
  }
  expect(lease.signal.aborted).toBe(false);
  expect(refusals).toBeGreaterThan(10);
  expect(
    ofType(events, 'extended').filter(({ outcome }) => outcome === 'extended').length,
  ).toBeGreaterThanOrEqual(3);
  await lease.release();
});

it('a node that restarts without its data gets the key again while the lease goes on', async () => {
  const { servers } = await start(3);
  const locks = await managers.connected({ servers });
  const lease = await locks.acquire('job', { ttlMs: 3_000, nodeTimeoutMs: 1_000 });
  const [before] = await until(async () => {
    const values = new Set(await valuesOf(servers, 'lock:job'));
    return values.size === 1 ? [...values] : undefined;
  });
  expect(before).not.toBeNull();
  await servers[0]!.restart();
  await until(async () => (await valuesOf([servers[0]!], 'lock:job'))[0] === before);
  lease.assertHeld();
  await lease.release();
  await untilGone(servers, 'lock:job');
});

it('requests that a stopped node was never sent are dropped with their lease', async () => {
  const { servers } = await start(3);
  const locks = await managers.connected({ servers, ...LONG_TIMEOUTS });
  const hung = servers[0]!;
  const status = (): string => locks.nodes()[0]!.status;
  const names: string[] = [];
  let dropped = 0;
  locks.subscribe((event) => {
    if (event.type === 'vote' && event.node === hung.path && event.vote === 'withdrawn') dropped++;
  });
  hung.pause();
  // The first requests are sent, and requests of the first tenth of a second are kept. After that the end of
  // a lease removes its unsent requests.
  await until(
    async () => {
      if (status() !== 'ready') {
        hung.resume();
        await until(() => status() === 'ready');
        hung.pause();
      }
      names.push(`invoice:${names.length}`);
      const lease = await locks.acquire(names.at(-1)!);
      await lease.release();
      return dropped >= 5;
    },
    { what: 'requests to be dropped', everyMs: 1 },
  );
  hung.resume();
  for (const name of names) await untilGone(servers, `lock:${name}`);
  const lease = await locks.acquire('invoice:7');
  await until(async () => new Set(await valuesOf(servers, 'lock:invoice:7')).size === 1);
  await lease.release();
});
