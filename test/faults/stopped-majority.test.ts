import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { LeaseLostError, QuorumUnreachableError } from '../../src/index.js';
import { LockManagers, ofType, record, scriptCalls, untilGone, valuesOf } from '../support/lock-managers.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { until } from '../support/until.js';

let redis: RedisServers;
let managers: LockManagers;

beforeEach(async () => {
  managers = new LockManagers();
  redis = await startRedis({ count: 3 });
});
afterEach(async () => {
  await managers[Symbol.asyncDispose]();
  await redis.stop();
});

const [HEALTHY, ...HUNG] = [0, 1, 2] as const;
const stopMajority = (): void => HUNG.forEach((index) => redis.servers[index]!.pause());
const resumeMajority = (): void => HUNG.forEach((index) => redis.servers[index]!.resume());

/** The error that the promise rejects with. If it does not settle in five minutes, an error that says so. */
async function rejection(promise: Promise<unknown>): Promise<unknown> {
  const nothing = new AbortController();
  const timeout = sleep(300_000, undefined, { signal: nothing.signal }).then(
    () => new Error('it neither resolved nor rejected'),
    () => undefined,
  );
  const outcome = promise.then(
    (value) => new Error(`it resolved to ${String(value)}`),
    (error: unknown) => error,
  );
  try {
    return await Promise.race([outcome, timeout]);
  } finally {
    nothing.abort();
  }
}

it.each([
  ['without retries', {}],
  ['with retries', { retries: 2, retryDelayMs: 10 }],
  ['that waits', { waitMs: 500 }],
  ['of several resources', { ttlMs: 60_000, nodeTimeoutMs: 500 }],
])(
  'acquire %s fails with QuorumUnreachableError by its own deadline and leaves no key behind',
  async (_name, options) => {
    const locks = await managers.connected({
      servers: redis.servers,
      nodeTimeoutMs: 200,
      restartQuarantine: 'auto',
    });
    stopMajority();
    const error = await rejection(locks.acquire(['a', 'b'], options));
    expect(error).toBeInstanceOf(QuorumUnreachableError);
    const { votes, message } = error as QuorumUnreachableError;
    expect(votes).toHaveLength(3);
    for (const index of HUNG) {
      const { path } = redis.servers[index]!;
      expect(votes[index]).toMatchObject({ node: path, vote: { kind: 'failed' } });
      expect(message).toContain(path);
    }
    resumeMajority();
    for (const resource of ['a', 'b']) await untilGone(redis.servers, `lock:${resource}`);
  },
);

it('acquire obeys its signal at once with all nodes stopped, and releases late grants', async () => {
  const locks = await managers.connected({ servers: redis.servers });
  redis.servers.forEach((server) => server.pause());
  const abort = new AbortController();
  const reason = new Error('changed my mind');
  const acquired = rejection(
    locks.acquire('a', { ttlMs: 60_000, nodeTimeoutMs: 2_000, signal: abort.signal }),
  );
  await sleep(10);
  abort.abort(reason);
  expect(await acquired).toBe(reason);
  redis.servers.forEach((server) => server.resume());
  await until(async () => (await Promise.all(redis.servers.map(scriptCalls))).every((calls) => calls >= 2));
  await untilGone(redis.servers, 'lock:a');
});

it('inspect fails with QuorumUnreachableError instead of reporting a resource as free', async () => {
  const locks = await managers.connected({ servers: redis.servers });
  stopMajority();
  expect(await rejection(locks.inspect('a'))).toBeInstanceOf(QuorumUnreachableError);
});

it('a lease aborts before its keys can expire, and they are released on resume (failure 5)', async () => {
  const locks = await managers.connected({ servers: redis.servers, restartQuarantine: 'auto' });
  const events = record(locks);
  const order: string[] = [];
  const ttlMs = 4_500;
  // The keys live for one TTL from the request, which is sent after this instant. Both timers run in one
  // event loop, so their order is the order of their instants, however slow the machine is.
  const expiry = new Promise<void>((resolve) => {
    setTimeout(() => {
      order.push('the keys may expire');
      resolve();
    }, ttlMs);
  });
  const lease = await locks.acquire('job', { ttlMs, nodeTimeoutMs: 1_500 });
  stopMajority();
  lease.signal.addEventListener('abort', () => order.push(`aborted with ${lease.remainingMs()} ms left`));
  await expiry;
  expect(order).toEqual(['aborted with 0 ms left', 'the keys may expire']);
  expect(lease.signal.reason).toBeInstanceOf(LeaseLostError);
  expect(lease.signal.reason).toMatchObject({ reason: 'unreachable', resources: ['job'] });
  expect(ofType(events, 'lost')).toMatchObject([{ reason: 'unreachable' }]);
  expect(ofType(events, 'extended').every(({ outcome }) => outcome === 'failed')).toBe(true);
  expect(() => lease.assertHeld()).toThrow(LeaseLostError);
  resumeMajority();
  await untilGone(redis.servers, 'lock:job');
  expect(lease.signal.aborted).toBe(true);
});

it('a lease that is not extended aborts before its keys expire by the clocks of the nodes', async () => {
  const locks = await managers.connected({ servers: redis.servers });
  const lease = await locks.acquire('job', {
    ttlMs: 3_000,
    nodeTimeoutMs: 1_000,
    autoExtend: false,
  });
  const client = redis.servers[HEALTHY]!.client();
  const expiresAt = await until(async () => {
    const at = Number(await client.call('PEXPIRETIME', 'lock:job'));
    return at > 0 ? at : undefined;
  });
  const order: string[] = [];
  lease.signal.addEventListener('abort', () => order.push('aborted'));
  await new Promise<void>((resolve) => {
    setTimeout(() => {
      order.push('expired');
      resolve();
    }, expiresAt - Date.now());
  });
  expect(order).toEqual(['aborted', 'expired']);
  expect(lease.signal.reason).toMatchObject({ reason: 'not_extended' });
});

it('withLock rejects with LeaseLostError if the lease was lost, although the routine returned', async () => {
  const locks = await managers.connected({ servers: redis.servers });
  const result = locks.withLock(
    'job',
    { ttlMs: 1_500, nodeTimeoutMs: 500, waitMs: 20_000 },
    async (lease) => {
      stopMajority();
      await until(() => lease.signal.aborted);
      return 'done';
    },
  );
  expect(await rejection(result)).toBeInstanceOf(LeaseLostError);
});

it('an extension that failed on a majority is retried, and the lease goes on (failure 7)', async () => {
  const locks = await managers.connected({ servers: redis.servers });
  const events = record(locks);
  const outcomes = (): string[] => ofType(events, 'extended').map(({ outcome }) => outcome);
  const lease = await locks.acquire('job', { ttlMs: 6_000, nodeTimeoutMs: 1_000 });
  const [holder] = await valuesOf([redis.servers[HEALTHY]!], 'lock:job');
  stopMajority();
  await until(() => outcomes().includes('failed'));
  resumeMajority();
  await until(() => outcomes().includes('extended') || lease.signal.aborted);
  expect(lease.signal.aborted).toBe(false);
  expect(await valuesOf(redis.servers, 'lock:job')).toEqual([holder, holder, holder]);
  await lease.release();
});

it('without a quorum one attempt takes two commands, and a held lease a few (failure 8)', async () => {
  const locks = await managers.connected({ servers: redis.servers });
  const healthy = redis.servers[HEALTHY]!;
  const lease = await locks.acquire('held', { ttlMs: 1_500, nodeTimeoutMs: 100, waitMs: 20_000 });
  for (const index of HUNG) await redis.servers[index]!.kill();
  await until(() => locks.nodes().filter(({ status }) => status === 'unreachable').length === 2);
  const before = await scriptCalls(healthy);
  await until(() => lease.signal.aborted);
  // At most one extension per 150 ms for 1.5 s, the release, and one health check of the node.
  const whileHeld = (await scriptCalls(healthy)) - before;
  expect(whileHeld).toBeLessThanOrEqual(13);

  await untilGone([healthy], 'lock:held');
  const idle = await scriptCalls(healthy);
  expect(await rejection(locks.acquire('free', { retries: 0 }))).toBeInstanceOf(QuorumUnreachableError);
  await until(async () => (await scriptCalls(healthy)) >= idle + 2);
  await sleep(500);
  // One acquire, one release, and perhaps one of the regular health checks.
  expect(await scriptCalls(healthy)).toBeLessThanOrEqual(idle + 3);
});
