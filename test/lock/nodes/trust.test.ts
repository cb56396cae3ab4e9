import { afterEach, describe, expect, it } from '@jest/globals';
import { LockManager, type LockManagerOptions, type QuorumUnreachableError } from '../../../src/index.js';
import { startRedis, type RedisServers } from '../../support/redis-servers.js';
import { until } from '../../support/until.js';

const R = 'invoice:7';
/** TTLs that are longer than any of these tests takes, so that nothing expires by accident. */
const LONG = { maxTtlMs: 3_600_000, ttlMs: 600_000, autoExtend: false };

const open: { close(): Promise<void> }[] = [];

function manager(redis: RedisServers, options: Partial<LockManagerOptions> = {}): LockManager {
  const locks = new LockManager({
    nodes: redis.servers.map((server) => server.options),
    nodeTimeoutMs: 2_000,
    warn: () => undefined,
    ...LONG,
    ...options,
  });
  open.push(locks);
  return locks;
}

const statuses = (locks: LockManager): string[] => locks.nodes().map(({ status }) => status);

const allReady = (locks: LockManager): Promise<unknown> =>
  until(() => statuses(locks).every((status) => status === 'ready'));

const codeOf = (acquiring: Promise<unknown>): Promise<string> =>
  acquiring.then(
    () => 'granted',
    (error: QuorumUnreachableError) => `${error.code} ${error.reason}`,
  );

afterEach(async () => {
  await Promise.all(open.splice(0).map((locks) => locks.close()));
});

describe('the first use of fresh nodes', () => {
  it('fresh nodes are trusted at once by many clients if all nodes are there', async () => {
    await using redis = await startRedis({ count: 3 });
    const clients = Array.from({ length: 5 }, () => manager(redis));
    // On a busy machine the nodes may not be known within two seconds. A quarantine would take an hour.
    await Promise.all(clients.map((locks, index) => until(() => locks.acquire(`r${index}`))));
    await Promise.all(clients.map(allReady));
  });

  it('fresh nodes are not trusted while a node is away that may know more', async () => {
    await using redis = await startRedis({ count: 3 });
    await redis.servers[2]!.kill();
    const locks = manager(redis);
    expect(await codeOf(locks.acquire(R))).toBe('QUORUM_UNREACHABLE untrusted');
    await redis.servers[2]!.start();
    await allReady(locks);
    expect(await codeOf(locks.acquire(R))).toBe('granted');
  });
});

describe('a node that lost its memory (trap 18)', () => {
  it('a node that restarted without data has no vote, for old clients and new ones', async () => {
    await using redis = await startRedis({ count: 3 });
    const holder = manager(redis);
    await allReady(holder);
    await holder.acquire(R);
    // The first two nodes hold the lock. The third has not got it, as if it had been slow.
    await redis.servers[2]!.client().del(`lock:${R}`);
    await redis.servers[0]!.restart({ keepData: false });
    const witness = manager(redis);
    await until(() => statuses(witness)[0] === 'untrusted');
    expect(await codeOf(witness.acquire(R))).toMatch(/^(LOCK_NOT_ACQUIRED|QUORUM_UNREACHABLE untrusted)/);
    const [node] = witness.nodes();
    expect(node!.reason).toContain('lost its memory');
    expect(node!.trustedInMs).toBeGreaterThan(3_000_000);
    await until(() => statuses(holder)[0] === 'untrusted');
    // Without the quarantine there are two holders, as soon as the node has got its list of nodes back.
    const off = manager(redis, { restartQuarantine: 'off' });
    await until(async () => (await codeOf(off.acquire(R))) === 'granted', { what: 'a second holder' });
  });

  it('a node that was emptied under a living connection (FLUSHALL) has no vote', async () => {
    await using redis = await startRedis({ count: 3 });
    const locks = manager(redis);
    await locks.acquire(R);
    await redis.servers[0]!.client().flushall();
    await redis.servers[1]!.client().flushall();
    expect(await codeOf(manager(redis).acquire(R))).toBe('QUORUM_UNREACHABLE untrusted');
    expect(await codeOf(locks.acquire(R))).toBe('QUORUM_UNREACHABLE untrusted');
  });

  it('a node that lost its memory votes again after its quarantine', async () => {
    await using redis = await startRedis({ count: 3 });
    const locks = manager(redis, { maxTtlMs: 3_000, ttlMs: 3_000, nodeTimeoutMs: 1_000, autoExtend: true });
    await allReady(locks);
    const lease = await locks.acquire(R);
    await redis.servers[1]!.restart({ keepData: false });
    await until(() => statuses(locks)[1] === 'untrusted');
    await allReady(locks);
    expect(lease.signal.aborted).toBe(false);
    expect((await locks.inspect(R)).nodes[1]!.holder).toBeDefined();
  });

  it('a node that lost its memory votes at once, for all clients, if an operator trusts it', async () => {
    await using redis = await startRedis({ count: 3 });
    const [locks, other] = [manager(redis), manager(redis)];
    await Promise.all([allReady(locks), allReady(other)]);
    await redis.servers[0]!.client().flushall();
    await codeOf(locks.acquire('one'));
    await codeOf(other.acquire('two'));
    // Two votes decide an acquisition, so the first node's may come later.
    await until(() => statuses(locks)[0] === 'untrusted');
    await until(() => statuses(other)[0] === 'untrusted');
    await locks.trustNode(locks.nodes()[0]!.name);
    expect(statuses(locks)[0]).toBe('ready');
    await allReady(other);
    await expect(locks.trustNode('nobody')).rejects.toThrow('no node is called "nobody"');
  });

  it('a node that is declared durable, and is, keeps its vote through a restart', async () => {
    await using redis = await startRedis({
      count: 3,
      args: ['--appendonly', 'yes', '--appendfsync', 'always'],
    });
    const locks = manager(redis, {
      nodes: redis.servers.map((server) => ({ ...server.options, durable: true })),
    });
    await allReady(locks);
    await locks.acquire(R);
    const told: string[] = [];
    locks.subscribe((event) => {
      if (event.type === 'node') told.push(event.node.status);
    });
    told.length = 0;
    await redis.servers[0]!.restart({ keepData: true });
    await until(() => told.includes('ready'));
    expect(told).not.toContain('untrusted');
    expect(await codeOf(locks.acquire(R))).toBe('LOCK_NOT_ACQUIRED held');
  });

  it('a node that lost its memory keeps its vote with restartQuarantine off, or below three nodes', async () => {
    await using redis = await startRedis({ count: 1 });
    const locks = manager(redis);
    await locks.acquire('one');
    await redis.servers[0]!.client().flushall();
    expect(await codeOf(locks.acquire('two'))).toBe('granted');
    await using three = await startRedis({ count: 3 });
    const off = manager(three, { restartQuarantine: 'off' });
    await off.acquire('one');
    for (const server of three.servers) await server.client().flushall();
    expect(await codeOf(off.acquire('two'))).toBe('granted');
  });

  it('two nodes that lost their memory, one or both, get their list back before a caller sees an error', async () => {
    await using redis = await startRedis({ count: 2 });
    const [locks, other] = [manager(redis), manager(redis)];
    // The first list is in use. Until it is, a node that is emptied may hold it up.
    await Promise.all([locks.acquire('first'), other.acquire('second')]);
    await until(() => [locks, other].every((one) => one.membership().isActive));
    for (const [round, emptied] of [[0], [1], [0, 1], [1, 0]].entries()) {
      for (const index of emptied) await redis.servers[index]!.client().flushall();
      const codes = [codeOf(locks.acquire(`one:${round}`)), codeOf(other.acquire(`other:${round}`))];
      expect(await Promise.all(codes)).toEqual(['granted', 'granted']);
    }
  });

  it('a node that evicted keys has no vote, and its eviction policy is warned about', async () => {
    await using redis = await startRedis({ count: 3 });
    const client = redis.servers[0]!.client();
    await client.config('SET', 'maxmemory', '3mb', 'maxmemory-policy', 'allkeys-random');
    const warnings: string[] = [];
    const locks = manager(redis, { warn: (message) => warnings.push(message) });
    await allReady(locks);
    expect(warnings.join()).toContain('maxmemory-policy is allkeys-random');
    for (let index = 0; index < 4_000; index++) await client.set(`filler:${index}`, 'x'.repeat(1_000));
    await until(() => statuses(locks)[0] === 'untrusted');
  });
});
