import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { LockNotAcquiredError, type LockManagerOptions } from '../../src/index.js';
import { ACQUIRE } from '../../src/node/redis/protocol/acquire.js';
import {
  LONG_TIMEOUT,
  LockManagers,
  ofType,
  record,
  scriptCalls,
  untilGone,
  valuesOf,
} from '../support/lock-managers.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { until } from '../support/until.js';

/** Known failures of other lock libraries. README.md lists them by number. */
let redis: RedisServers;
let managers: LockManagers;

async function start(count: number): Promise<RedisServers['servers']> {
  redis = await startRedis({ count });
  return redis.servers;
}

beforeEach(() => {
  managers = new LockManagers();
});
afterEach(async () => {
  await managers[Symbol.asyncDispose]();
  await redis.stop();
});

/** Puts the key of an unknown holder on a server. */
async function putKey(server: RedisServers['servers'][number], key: string, ttlMs: number): Promise<void> {
  const client = server.client();
  await client.set(key, '00000000000000000000000000000000@elsewhere:1', 'PX', ttlMs);
  client.disconnect();
}

it('a two-to-two vote of four nodes settles, and no key is left behind (failure 1)', async () => {
  const servers = await start(4);
  const locks = await managers.connected({ servers, ...LONG_TIMEOUT });
  await Promise.all(servers.slice(2).map((server) => putKey(server, 'lock:a', 60_000)));
  await expect(locks.acquire('a', { retries: 0 })).rejects.toMatchObject({
    code: 'LOCK_NOT_ACQUIRED',
    reason: 'contended',
  });
  await untilGone(servers.slice(0, 2), 'lock:a');
  expect(managers.warnings).toEqual([expect.stringMatching(/even number of members \(4\)/)]);
});

it('keys of a lost attempt do not refuse the retry, which has a new holder id (failure 3)', async () => {
  const servers = await start(3);
  const locks = await managers.connected({ servers, ...LONG_TIMEOUT });
  const [free, taken, dead] = servers as [(typeof servers)[0], (typeof servers)[0], (typeof servers)[0]];
  await dead.kill();
  await putKey(taken, 'lock:a', 400);
  const client = free.client();
  const monitor = await client.monitor();
  const holders: string[] = [];
  monitor.on('monitor', (_time: unknown, args: string[]) => {
    if (args[1] !== ACQUIRE.sha) return;
    // The command, the digest and the number of keys come first. Sixteen arguments precede the holder id.
    holders.push(String(args[3 + Number(args[2]) + 16]));
  });
  const lease = await locks.acquire('a', { waitMs: 20_000, retryDelayMs: 50 });
  await until(() => holders.length >= 2);
  monitor.disconnect();
  expect(new Set(holders).size).toBe(holders.length);
  expect(await valuesOf([free, taken], 'lock:a')).toEqual([holders.at(-1), holders.at(-1)]);
  await lease.release();
});

describe('releasing a lease that has expired', () => {
  const SHORT = { ttlMs: 900, nodeTimeoutMs: 300, waitMs: 20_000, autoExtend: false } as const;

  it('releasing an expired lease resolves without a retry (failure 6)', async () => {
    const servers = await start(3);
    const locks = await managers.connected({ servers, ...LONG_TIMEOUT });
    const lease = await locks.acquire('a', SHORT);
    await until(() => lease.signal.aborted);
    await untilGone(servers, 'lock:a');
    const calls = async (): Promise<number[]> => Promise.all(servers.map(scriptCalls));
    await until(async () => (await calls()).every((count) => count >= 2));
    const before = await calls();
    await lease.release();
    await lease.release();
    await sleep(300);
    // At most one more call: the regular health check of the node.
    (await calls()).forEach((count, index) => expect(count).toBeLessThanOrEqual(before[index]! + 1));
  });

  it("releasing an expired lease does not replace the routine's own error (failure 6)", async () => {
    const servers = await start(3);
    const locks = await managers.connected({ servers, ...LONG_TIMEOUT });
    const own = new Error('the routine failed');
    const result = locks.withLock('a', SHORT, async (lease) => {
      await until(() => lease.signal.aborted);
      throw own;
    });
    await expect(result).rejects.toBe(own);
  });

  it("unreachable nodes do not replace the routine's own error (failure 6)", async () => {
    const servers = await start(3);
    const locks = await managers.connected({ servers, ...LONG_TIMEOUT });
    const own = new Error('the routine failed');
    const result = locks.withLock('a', { ttlMs: 15_000 }, async () => {
      await Promise.all(servers.map((server) => server.kill()));
      throw own;
    });
    await expect(result).rejects.toBe(own);
  });
});

describe('the quorum', () => {
  it.each(['quorum', 'quorumSize', 'majority'])(
    'the quorum is no option: %s is rejected (failure 12)',
    async (option) => {
      const servers = await start(1);
      const options = { nodes: [servers[0]!.options], [option]: 1 } as unknown as LockManagerOptions;
      expect(() => managers.make(options)).toThrow(new RegExp(`unknown option "${option}"`));
    },
  );

  it('the quorum counts the configured nodes, not the connected ones (failure 12)', async () => {
    const servers = await start(3);
    await Promise.all(servers.slice(1).map((server) => server.kill()));
    const locks = managers.make({ servers });
    await until(() => locks.nodes().filter(({ status }) => status === 'unreachable').length === 2);
    await expect(locks.acquire('a')).rejects.toMatchObject({ code: 'QUORUM_UNREACHABLE' });
    await untilGone([servers[0]!], 'lock:a');
  });
});

describe("the user's own clients", () => {
  it("the user's own clients are never closed, quit or reconfigured (failure 16)", async () => {
    const servers = await start(3);
    const clients = servers.map(
      (server) => new Redis({ ...server.options, db: 2, keyPrefix: 'app:', commandTimeout: 10_000 }),
    );
    await Promise.all(clients.map((client) => client.ping()));
    const facts = async (client: Redis): Promise<object> => ({
      id: await client.client('ID'),
      status: client.status,
      options: { ...client.options },
      listeners: client.eventNames().map((name) => [name, client.listenerCount(name)]),
    });
    const before = await Promise.all(clients.map(facts));
    const locks = await managers.connected({ nodes: clients, ...LONG_TIMEOUT });
    const lease = await locks.acquire('a');
    await locks.withLock('b', () => undefined);
    await locks.close();
    expect(lease.signal.aborted).toBe(true);
    expect(await Promise.all(clients.map(facts))).toEqual(before);
    await clients[0]!.set('mine', '1');
    expect(await clients[0]!.get('mine')).toBe('1');
    clients.forEach((client) => client.disconnect());
  });

  it("a user's lazy client stays unconnected: the lock connects by itself (failure 16)", async () => {
    const servers = await start(1);
    const client = new Redis({ ...servers[0]!.options, lazyConnect: true });
    const locks = await managers.connected({ nodes: [client], ...LONG_TIMEOUT });
    await (await locks.acquire('a')).release();
    expect(client.status).toBe('wait');
    client.disconnect();
  });

  it("a user's client may be closed without effect on the lock (failure 16)", async () => {
    const servers = await start(1);
    const client = new Redis(servers[0]!.options);
    const locks = await managers.connected({ nodes: [client], ...LONG_TIMEOUT });
    await client.quit();
    await (await locks.acquire('a')).release();
  });

  it("a user's client may subscribe or queue commands without effect on the lock (failure 16)", async () => {
    const servers = await start(1);
    const client = new Redis({
      ...servers[0]!.options,
      enableOfflineQueue: true,
      autoResendUnfulfilledCommands: true,
      maxRetriesPerRequest: null,
      enableAutoPipelining: true,
      stringNumbers: true,
    });
    await client.subscribe('news');
    const locks = await managers.connected({ nodes: [client], ...LONG_TIMEOUT });
    const lease = await locks.acquire('a');
    expect(lease.token).toEqual(expect.any(Number));
    await servers[0]!.kill();
    await until(() => locks.nodes()[0]?.status === 'unreachable');
    await expect(locks.acquire('b')).rejects.toMatchObject({ code: 'QUORUM_UNREACHABLE' });
    client.disconnect();
  });
});

it('a client opened on db 3 locks on db 3 (failure 17)', async () => {
  const servers = await start(3);
  const clients = servers.map((server) => new Redis({ ...server.options, db: 3 }));
  const locks = await managers.connected({ nodes: clients, ...LONG_TIMEOUT });
  const lease = await locks.acquire('a');
  await until(async () =>
    (await Promise.all(clients.map((client) => client.exists('lock:a')))).every(Boolean),
  );
  expect(await valuesOf(servers, 'lock:a')).toEqual([null, null, null]);
  await lease.release();
  clients.forEach((client) => client.disconnect());
});

it('a fast job on workers with different clocks runs once per tick (failure 21)', async () => {
  const servers = await start(3);
  const workers = await Promise.all([1, 2, 3].map(() => managers.connected({ servers, ...LONG_TIMEOUT })));
  const runs: number[] = [];
  const TICKS = 10;
  const skips: string[] = [];
  const tickOf = async (worker: (typeof workers)[number], index: number, tick: number): Promise<void> => {
    // The second worker's clock is ahead of the others, the third's is behind: the first job has long ended
    // when the third worker fires.
    await sleep(index * 40);
    const lease = await worker.tryAcquire('job', { tick: tick * 1_000, ttlMs: 20_000 });
    if (lease === null) return;
    runs.push(tick);
    await lease.release();
  };
  const events = workers.map(record);
  for (let tick = 1; tick <= TICKS; tick++) {
    await Promise.all(workers.map((worker, index) => tickOf(worker, index, tick)));
  }
  for (const recorded of events) skips.push(...ofType(recorded, 'skipped').map(({ reason }) => reason));
  expect(runs).toEqual(Array.from({ length: TICKS }, (_, index) => index + 1));
  expect(skips).toHaveLength(2 * TICKS);
});

it('a resource that another holds is refused with its owner and the time to retry after', async () => {
  const servers = await start(3);
  const one = await managers.connected({ servers, ...LONG_TIMEOUT, holder: 'worker-1' });
  const other = await managers.connected({ servers, ...LONG_TIMEOUT });
  const events = record(other);
  const lease = await one.acquire('a', { ttlMs: 20_000 });
  const error = await other.acquire('a').catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(LockNotAcquiredError);
  expect(error).toMatchObject({ reason: 'held', owner: 'worker-1' });
  expect((error as LockNotAcquiredError).retryAfterMs).toBeGreaterThan(10_000);
  expect(ofType(events, 'skipped')).toMatchObject([{ reason: 'held', owner: 'worker-1' }]);
  expect(await other.inspect('a')).toMatchObject({ status: 'held', holder: 'worker-1' });
  await lease.release();
  expect(await other.inspect('a')).toMatchObject({ holder: undefined });
});
