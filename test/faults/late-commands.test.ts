import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LockManagerClosedError, QuorumUnreachableError, type LockManager } from '../../src/index.js';
import { ACQUIRE } from '../../src/node/redis/protocol/acquire.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { allReady, LockManagers, scriptCalls, untilGone, valuesOf } from '../support/lock-managers.js';
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

const pauseAll = (): void => redis.servers.forEach((server) => server.pause());
const resumeAll = (): void => redis.servers.forEach((server) => server.resume());

/**
 * Waits until every server has run the script again, so that commands waiting in its socket have been carried
 * out.
 */
async function untilRun(before: readonly number[]): Promise<void> {
  await until(async () => {
    const now = await Promise.all(redis.servers.map(scriptCalls));
    return now.every((calls, index) => calls > before[index]!);
  });
}

describe('a command that waited in the socket of a stopped server', () => {
  it('a command that runs after its deadline leaves no key (failures 10 and 20)', async () => {
    const locks = await managers.connected({ servers: redis.servers });
    const before = await Promise.all(redis.servers.map(scriptCalls));
    pauseAll();
    await expect(locks.acquire('a', { ttlMs: 60_000, nodeTimeoutMs: 100 })).rejects.toThrow(
      QuorumUnreachableError,
    );
    resumeAll();
    await untilRun(before);
    await untilGone(redis.servers, 'lock:a');
  });

  it('a late command leaves no key though its manager was closed meanwhile', async () => {
    const locks = await managers.connected({ servers: redis.servers });
    const before = await Promise.all(redis.servers.map(scriptCalls));
    pauseAll();
    const acquired = expect(locks.acquire('a', { ttlMs: 60_000, nodeTimeoutMs: 100 })).rejects.toThrow();
    await locks.close();
    await acquired;
    await sleep(150);
    resumeAll();
    await untilRun(before);
    expect(await valuesOf(redis.servers, 'lock:a')).toEqual([null, null, null]);
  });

  it('a command that runs in time leaves no key if its manager was closed meanwhile', async () => {
    const locks = await managers.connected({ servers: redis.servers });
    const before = await Promise.all(redis.servers.map(scriptCalls));
    pauseAll();
    const acquired = expect(locks.acquire('a', { ttlMs: 60_000, nodeTimeoutMs: 1_000 })).rejects.toThrow(
      LockManagerClosedError,
    );
    const closed = locks.close();
    resumeAll();
    await acquired;
    await closed;
    await untilRun(before);
    await untilGone(redis.servers, 'lock:a');
  });

  it('a grant within its deadline is released if the caller gave up before the reply', async () => {
    const locks = await managers.connected({ servers: redis.servers });
    const before = await Promise.all(redis.servers.map(scriptCalls));
    pauseAll();
    const abort = new AbortController();
    const options = { ttlMs: 60_000, nodeTimeoutMs: 2_000, signal: abort.signal };
    const acquired = expect(locks.acquire('a', options)).rejects.toThrow('enough');
    await sleep(5);
    abort.abort(new Error('enough'));
    await acquired;
    resumeAll();
    await untilRun(before);
    await untilGone(redis.servers, 'lock:a');
  });
});

describe('commands over a faulty network', () => {
  let proxies: FaultProxy[];
  beforeEach(async () => {
    proxies = await Promise.all(redis.servers.map((server) => FaultProxy.before(server)));
  });
  afterEach(async () => {
    await managers[Symbol.asyncDispose]();
    await Promise.all(proxies.map((proxy) => proxy[Symbol.asyncDispose]()));
  });

  const overProxies = (options: object = {}): Promise<LockManager> =>
    managers.connected({ nodes: proxies.map((proxy) => proxy.options), ...options });

  /** The number of calls of the script that acquires that a client sent to this server. */
  const acquiresSent = (proxy: FaultProxy): number => proxy.sent.split(`${ACQUIRE.sha}\r\n`).length - 1;

  it('a command lost with its connection is not sent again on the next one (failure 20)', async () => {
    const locks = await overProxies();
    for (const proxy of proxies) proxy.setAll({ loseRequests: true });
    const acquired = expect(locks.acquire('a', { ttlMs: 60_000, nodeTimeoutMs: 2_000 })).rejects.toThrow(
      QuorumUnreachableError,
    );
    await until(() => proxies.every((proxy) => acquiresSent(proxy) === 1));
    for (const proxy of proxies) {
      proxy.setAll({});
    }
    await acquired;
    await until(() => proxies.every(({ connections }) => connections === 2));
    await allReady(locks);
    // The new connections send what they have to send before they answer this.
    await locks.inspect('a');
    expect(proxies.map(acquiresSent)).toEqual([1, 1, 1]);
    expect(await valuesOf(redis.servers, 'lock:a')).toEqual([null, null, null]);
  });

  it('a command issued without a connection fails at once and is not sent later (failure 20)', async () => {
    const locks = await overProxies();
    for (const proxy of proxies) {
      proxy.setAll({ refuse: true });
    }
    await until(() => locks.nodes().every(({ status }) => status === 'unreachable'));
    await expect(locks.acquire('a', { ttlMs: 60_000, nodeTimeoutMs: 2_000 })).rejects.toThrow(
      QuorumUnreachableError,
    );
    for (const proxy of proxies) proxy.setAll({});
    await allReady(locks);
    await locks.inspect('a');
    expect(proxies.map(acquiresSent)).toEqual([0, 0, 0]);
  });

  it('a grant whose reply was lost is released once its node can be reached again', async () => {
    const locks = await overProxies();
    for (const proxy of proxies) proxy.setAll({ loseReplies: true });
    await expect(locks.acquire('a', { ttlMs: 60_000, nodeTimeoutMs: 500 })).rejects.toThrow(
      QuorumUnreachableError,
    );
    await untilGone(redis.servers, 'lock:a');
  });

  it('a lost round is released on nodes that were disconnected before the release', async () => {
    const locks = await overProxies();
    for (const proxy of proxies) proxy.setAll({ loseReplies: true });
    const acquired = expect(locks.acquire('a', { ttlMs: 60_000, nodeTimeoutMs: 2_000 })).rejects.toThrow(
      QuorumUnreachableError,
    );
    await until(async () => (await valuesOf(redis.servers, 'lock:a')).every((value) => value !== null));
    for (const proxy of proxies) {
      proxy.setAll({ refuse: true });
    }
    await acquired;
    expect((await valuesOf(redis.servers, 'lock:a')).every((value) => value !== null)).toBe(true);
    for (const proxy of proxies) proxy.setAll({});
    await untilGone(redis.servers, 'lock:a');
  });

  it('a release that could not reach its nodes is sent when they come back', async () => {
    const locks = await overProxies();
    const lease = await locks.acquire('a', { ttlMs: 60_000, nodeTimeoutMs: 2_000 });
    await until(async () => (await valuesOf(redis.servers, 'lock:a')).every((value) => value !== null));
    for (const proxy of proxies) {
      proxy.setAll({ refuse: true });
    }
    await until(() => locks.nodes().every(({ status }) => status === 'unreachable'));
    await lease.release();
    expect((await valuesOf(redis.servers, 'lock:a')).every((value) => value !== null)).toBe(true);
    for (const proxy of proxies) proxy.setAll({});
    await untilGone(redis.servers, 'lock:a');
  });

  it('a server that closes every connection is retried with growing pauses, not in a hot loop', async () => {
    const locks = await overProxies();
    for (const proxy of proxies) {
      proxy.setAll({ refuse: true });
      proxy.connections = 0;
    }
    await sleep(2_000);
    // The pauses double from 50 ms to one second, and each lasts at least half of its length.
    for (const { connections } of proxies) expect(connections).toBeLessThanOrEqual(9);
    for (const proxy of proxies) proxy.setAll({});
    await allReady(locks);
  });

  it('no expired lease is returned: replies too late for the TTL do not count (failure 2)', async () => {
    const locks = await overProxies();
    for (const proxy of proxies) proxy.setAll({ latencyMs: 150 });
    await expect(locks.acquire('a', { ttlMs: 100, nodeTimeoutMs: 30 })).rejects.toThrow(
      QuorumUnreachableError,
    );
    await untilGone(redis.servers, 'lock:a');
  });

  it('the validity of a lease is reduced by the time that slow nodes needed (failure 2)', async () => {
    const locks = await overProxies();
    for (const proxy of proxies) proxy.setAll({ latencyMs: 40 });
    const sentAt = performance.now();
    const lease = await locks.acquire('a', { ttlMs: 15_000, nodeTimeoutMs: 2_000 });
    const left = lease.remainingMs();
    expect(performance.now() - sentAt).toBeGreaterThanOrEqual(79);
    expect(left).toBeLessThanOrEqual(15_000 - 152 - 79);
    await lease.release();
  });
});
