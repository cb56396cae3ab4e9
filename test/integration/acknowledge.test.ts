import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { createClient } from 'redis';
import { LockManager, type LockEvent, type LockManagerOptions } from '../../src/index.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { until } from '../support/until.js';

let redis: RedisServers;
const open: LockManager[] = [];

/** A primary, and its replica. */
const primary = () => redis.servers[0]!;
const replica = () => redis.servers[1]!;

const isReplicated = async (): Promise<boolean> => Number(await primary().client().wait(1, 50)) === 1;

beforeAll(async () => {
  redis = await startRedis({ count: 2, tcp: true, args: ['--repl-diskless-sync-delay', '0'] });
  await replica().client().replicaof('127.0.0.1', primary().port);
  await until(isReplicated);
});

beforeEach(() => until(isReplicated));

afterEach(async () => {
  replica().resume();
  await Promise.all(open.splice(0).map((locks) => locks.close()));
});

afterAll(() => redis.stop());

const managerOf = (options: Partial<LockManagerOptions> = {}): LockManager => {
  const locks = new LockManager({
    nodes: [primary().url],
    acknowledge: { replicas: 1, timeoutMs: 100 },
    // Generous, so that an answer never comes too late on a busy machine.
    ttlMs: 30_000,
    nodeTimeoutMs: 2_000,
    // A busy machine may keep the replica waiting.
    retries: 50,
    warn: () => undefined,
    ...options,
  });
  open.push(locks);
  return locks;
};

it('a lock is granted when the replica has its key', async () => {
  const locks = managerOf({ acknowledge: { replicas: 1, timeoutMs: 1_000 } });
  for (let n = 0; n < 20; n++) {
    const lease = await locks.acquire(`replicated:${n}`);
    expect(await replica().client().get(`lock:replicated:${n}`)).toBe(lease.holderId);
  }
});

it('with a replica that is stopped, a lock is refused with the reason, and leaves no key', async () => {
  const locks = managerOf();
  await (await locks.acquire('before')).release();
  replica().pause();
  await expect(locks.acquire('after', { retries: 0 })).rejects.toThrow(
    'only 0 of 1 replicas acknowledged it within 100 ms',
  );
  await until(async () => (await primary().client().exists('lock:after')) === 0);
  replica().resume();
  await until(isReplicated);
  await (await locks.acquire('after')).release();
});

it('more replicas than there are never acknowledge', async () => {
  const locks = managerOf({ acknowledge: { replicas: 2, timeoutMs: 50 }, retries: 0 });
  await expect(locks.acquire('two')).rejects.toThrow('of 2 replicas acknowledged it within 50 ms');
});

it('a server that cannot tell of its disk grants nothing, and says why', async () => {
  const locks = managerOf({ acknowledge: { replicas: 0, onDisk: true, timeoutMs: 50 }, retries: 0 });
  await expect(locks.acquire('on disk')).rejects.toThrow(
    /needs WAITAOF, which this server does not know|appendonly is disabled|did not write it to disk/,
  );
});

it('an extension counts only when it is on the replica, and is tried again', async () => {
  const locks = managerOf({ ttlMs: 3_000, nodeTimeoutMs: 900 });
  const outcomes: string[] = [];
  locks.subscribe((event: LockEvent) => {
    if (event.type === 'extended') outcomes.push(event.outcome);
  });
  const lease = await locks.acquire('extended');
  replica().pause();
  await until(() => outcomes.includes('failed'));
  expect(outcomes).not.toContain('extended');
  await until(() => lease.signal.aborted);
  expect(lease.signal.reason).toMatchObject({ reason: 'unreachable' });
});

it('what is refused is told at once, whatever the replica does', async () => {
  await using other = new LockManager({ nodes: [primary().url] });
  await other.acquire('held');
  const locks = managerOf({ acknowledge: { replicas: 1, timeoutMs: 1_000 } });
  replica().pause();
  expect(await locks.tryAcquire('held', { retries: 0 })).toBeNull();
});

it('without the option a stopped replica does not matter', async () => {
  const locks = managerOf({ acknowledge: undefined });
  replica().pause();
  await (await locks.acquire('alone')).release();
});

it('a client of node-redis asks for replicas, too', async () => {
  const client = createClient({ url: primary().url });
  client.on('error', () => undefined);
  const locks = managerOf({ nodes: [client], acknowledge: { replicas: 1, timeoutMs: 1_000 } });
  const lease = await locks.acquire('by node-redis');
  expect(await replica().client().get('lock:by node-redis')).toBe(lease.holderId);
  replica().pause();
  const impatient = managerOf({ nodes: [client], retries: 0 });
  await expect(impatient.acquire('again')).rejects.toThrow('only 0 of 1 replicas acknowledged it');
});
