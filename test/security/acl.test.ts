import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Redis } from 'ioredis';
import { type LockManager, QuorumUnreachableError } from '../../src/index.js';
import { allReady, LockManagers, ofType, record } from '../support/lock-managers.js';
import type { RedisServer } from '../support/redis-server.js';
import { startRedis } from '../support/redis-servers.js';
import { until } from '../support/until.js';
import { login, userOf, without } from './acl.js';

const QUARANTINE_MS = 3_600_000;

const blocks = [
  ['the default prefix', 'acl', 'lock:', 'invoice:'],
  ['the empty prefix', 'acl-empty-prefix', '', 'invoice:'],
] as const;

// ioredis prints a warning of its own if INFO is forbidden.
beforeEach(() => void jest.spyOn(console, 'warn').mockImplementation(() => undefined));
afterEach(() => void jest.restoreAllMocks());

describe.each(blocks)('the ACL user in docs/security.md for %s', (_title, block, keyPrefix, start) => {
  const user = userOf(block);
  const nodesOf = (servers: readonly RedisServer[]) =>
    servers.map((server) => ({ ...server.options, ...login }));

  it('the ACL user may do all that locks need, on fresh nodes and after a loss of memory', async () => {
    await using redis = await startRedis({ count: 3, args: ['--user', ...user.words] });
    await using managers = new LockManagers();
    const options = { nodes: nodesOf(redis.servers), keyPrefix, restartQuarantine: QUARANTINE_MS };
    const [one, other] = await Promise.all([managers.connected(options), managers.connected(options)]);
    await useAll(one, other, start);

    const [lost] = redis.servers as [RedisServer];
    await lost.restart();
    await until(() => one.nodes()[0]!.status === 'untrusted' && other.nodes()[0]!.status === 'untrusted');
    await useAll(one, other, start);
    await one.trustNode(one.nodes()[0]!.name);
    await allReady(one);
    expect(managers.warnings.filter((warning) => !warning.includes('lost its memory'))).toEqual([]);
    await expectNothingDenied(redis.servers);
  });

  it('the ACL user may do nothing else', async () => {
    await using redis = await startRedis({ count: 1, args: ['--user', ...user.words] });
    const client = redis.servers[0]!.client(login);
    for (const [command, ...args] of FORBIDDEN) {
      await expect(client.call(command!, ...args)).rejects.toThrow('NOPERM');
    }
    const key = `${keyPrefix}${start}1`;
    await expect(client.eval("return redis.call('KEYS', '*')", 1, key)).rejects.toThrow(/can't run|ACL/);
    await expect(client.eval("return redis.call('GET', KEYS[1])", 1, 'session:1')).rejects.toThrow('NOPERM');
    await expect(client.eval("return redis.call('GET', 'session:1')", 1, key)).rejects.toThrow(/key/);
  });

  it('an error about keys outside the ACL patterns names the node', async () => {
    await using redis = await startRedis({ count: 1, args: ['--user', ...user.words] });
    await using managers = new LockManagers();
    const locks = managers.make({
      nodes: nodesOf(redis.servers),
      keyPrefix: keyPrefix === '' ? '' : 'mine:',
    });
    const [server] = redis.servers as [RedisServer];
    await expect(locks.acquire('session:1')).rejects.toThrow(
      new RegExp(`${server.path}: .*NOPERM .* access one of the keys`),
    );
    // The node's own marker may be there, with the list of nodes.
    const keys = await server.client().keys('*');
    expect(keys.filter((key) => !key.endsWith('quorlock:node'))).toEqual([]);
  });
});

const FORBIDDEN = [
  ['GET', 'session:1'],
  ['SET', 'session:1', 'x'],
  ['DEL', 'session:1'],
  ['FLUSHALL'],
  ['FLUSHDB'],
  ['KEYS', '*'],
  ['SCAN', '0'],
  ['CONFIG', 'GET', '*'],
  ['CLIENT', 'LIST'],
  ['ACL', 'LIST'],
  ['SCRIPT', 'FLUSH'],
  ['SHUTDOWN'],
  ['REPLICAOF', 'NO', 'ONE'],
  ['MONITOR'],
  ['PUBLISH', 'x', 'y'],
  ['SUBSCRIBE', 'x'],
  ['SELECT', '1'],
];

/**
 * Uses every operation: acquire, several resources at once, contention, confirm, extend, minimum hold,
 * release, inspect, and once per tick.
 */
async function useAll(one: LockManager, other: LockManager, start: string): Promise<void> {
  const events = record(one);
  const tick = Date.now();
  const resources = [`${start}${tick}`, `${start}{tag}${tick}`, `${start}{}${tick}`, `${start}}${tick}`];
  const lease = await one.acquire(resources, { tick, retries: 20 });
  expect(await other.tryAcquire(resources[1]!)).toBeNull();
  await lease.extend();
  expect((await other.inspect(resources[0]!)).status).toBe('held');
  await lease.release();
  await expect(one.acquire(resources, { tick })).rejects.toMatchObject({ reason: 'already_ran' });
  const next = await other.acquire(resources, { minHoldMs: 50, retries: 20 });
  expect(next.token).toBeGreaterThan(lease.token);
  await next.release();
  const last = await one.acquire(resources, { retries: 100 });
  const waiting = other.acquire(resources, { waitMs: 60_000 });
  await last.release();
  await (await waiting).release();
  const released = ofType(events, 'released').map(({ acknowledged }) => acknowledged >= 2);
  expect(released).toEqual([true, true]);
}

/** Reads the servers' own records of denied commands. */
async function expectNothingDenied(servers: readonly RedisServer[]): Promise<void> {
  for (const server of servers) expect(await server.client().call('ACL', 'LOG')).toEqual([]);
}

describe('the rights in docs/security.md', () => {
  const user = userOf('acl');
  let redis: Awaited<ReturnType<typeof startRedis>>;
  let server: RedisServer;
  let admin: Redis;

  beforeAll(async () => {
    redis = await startRedis({ count: 1 });
    [server] = redis.servers as [RedisServer];
    admin = server.client();
  });
  afterAll(() => redis.stop());
  beforeEach(async () => {
    await admin.flushall();
    await admin.script('FLUSH');
  });

  /** Every message that the user sees when a manager with these rights tries every operation. */
  async function messagesOf(
    words: readonly string[],
    node: object = {},
    longTtlMs = 90_000,
  ): Promise<string[]> {
    await admin.call('ACL', 'DELUSER', 'locks');
    await admin.call('ACL', 'SETUSER', ...words);
    await using managers = new LockManagers();
    const nodes = [{ ...server.options, ...login, ...node }];
    const locks = managers.make({ nodes, restartQuarantine: QUARANTINE_MS });
    const events = record(locks);
    await until(() => !['connecting', 'new'].includes(locks.nodes()[0]!.status));
    const errors: unknown[] = [];
    try {
      const lease = await locks.acquire(['one', 'two']);
      await admin.script('FLUSH');
      await lease.extend();
      await lease.release();
      await locks.inspect('one');
      // It is listed by itself, and what the node tells of its memory looks at the list.
      const long = await locks.acquire('three', { ttlMs: longTtlMs });
      await locks.trustNode(locks.nodes()[0]!.name);
      await long.release();
    } catch (error) {
      errors.push(error);
    }
    const failed = ofType(events, 'vote').filter(({ vote }) => vote !== 'granted');
    return [
      ...managers.warnings,
      ...errors.map(String),
      ...failed.map(({ node: name, op, vote }) => `${name}: ${op} ${vote}`),
    ];
  }

  it('the listed rights together are enough', async () => {
    expect(await messagesOf(user.words)).toEqual([]);
  });

  const forWaiting = ['zadd', 'zrem', 'zcard', 'publish', 'subscribe'];
  const tolerated = ['info', 'script|load', 'incrby', ...forWaiting];

  it.each(user.commands.filter((command) => !tolerated.includes(command)))(
    'without %s something fails, and a message names the node',
    async (command) => {
      const messages = await messagesOf(without(user, command));
      expect(messages).not.toEqual([]);
      expect(messages.some((message) => message.includes(server.path))).toBe(true);
    },
  );

  it('without script|load everything works, because EVAL is used', async () => {
    await admin.call('CONFIG', 'RESETSTAT');
    expect(await messagesOf(without(user, 'script|load'))).toEqual([]);
    expect(await admin.info('commandstats')).toMatch(/cmdstat_eval:calls=[1-9]/);
  });

  it('without incrby everything works, and tokens grow', async () => {
    expect(await messagesOf(without(user, 'incrby'))).toEqual([]);
    await using managers = new LockManagers();
    const locks = await managers.connected({ nodes: [{ ...server.options, ...login }] });
    const tokens: number[] = [];
    for (let time = 1; time <= 3; time++) {
      await using lease = await locks.acquire('alone');
      tokens.push(lease.token);
    }
    expect(tokens).toEqual([tokens[0], tokens[0]! + 1, tokens[0]! + 2]);
  });

  it('without info everything works, and one warning per node names the cost', async () => {
    const words = without(user, 'info');
    const cost =
      `node ${server.path}: its user may not call INFO: a restart with old data, an eviction, a replica ` +
      'and the same server under two names go unnoticed';
    expect(await messagesOf(words)).toEqual([cost]);

    await using managers = new LockManagers();
    const nodes = [{ ...server.options, ...login }];
    const locks = await managers.connected({ nodes, restartQuarantine: QUARANTINE_MS });
    for (let connection = 1; connection <= 3; connection++) {
      const events = record(locks);
      await admin.call('CLIENT', 'KILL', 'USER', 'locks');
      await until(() => ofType(events, 'node').filter(({ node }) => node.status === 'ready').length > 1);
    }
    expect(managers.warnings).toEqual([cost]);
    // The missing marker still shows that all data were lost.
    await admin.flushall();
    await until(() => locks.acquire('x').then(() => false, isUntrusted));
  });

  it.each([...forWaiting, '&'])(
    'without %s locks with a TTL of up to a minute and waiting work',
    async (lacking) => {
      const words = user.words.filter(
        (word) => word !== `+${lacking}` && !(lacking === '&' && word.startsWith('&')),
      );
      expect(await messagesOf(words, {}, 60_000)).toEqual([]);
      await using managers = new LockManagers();
      const options = { nodes: [{ ...server.options, ...login }], ttlMs: 3_000, nodeTimeoutMs: 1_000 };
      const [one, other] = await Promise.all([managers.connected(options), managers.connected(options)]);
      for (let round = 1; round <= 2; round++) {
        const lease = await one.acquire('x', { autoExtend: false });
        const waiting = other.acquire('x', { waitMs: 30_000, retryDelayMs: 10 });
        await until(async () => !['subscribe', '&'].includes(lacking) || managers.warnings.length > 0);
        await lease.release();
        await (await waiting).release();
      }
      const cost =
        `node ${server.path}: its user may not subscribe to its channel: waiters ask again and again ` +
        'instead of being notified, see docs/security.md';
      expect(managers.warnings).toEqual(['subscribe', '&'].includes(lacking) ? [cost] : []);
    },
  );

  it('without del one warning says why a released lock stays until its TTL is over', async () => {
    await admin.call('ACL', 'DELUSER', 'locks');
    await admin.call('ACL', 'SETUSER', ...without(user, 'del'));
    await using managers = new LockManagers();
    const locks = await managers.connected({ nodes: [{ ...server.options, ...login }] });
    const events = record(locks);
    for (const resource of ['one', 'two']) await (await locks.acquire(resource)).release();
    expect(ofType(events, 'released').map(({ acknowledged }) => acknowledged)).toEqual([0, 0]);
    const lacks = `node ${server.path}: its user lacks a permission that locks need, see docs/security.md`;
    expect(managers.warnings).toEqual([expect.stringMatching(`^${lacks} \\((NOPERM|ERR) .*script`)]);
    expect(locks.nodes()[0]!.status).toBe('ready');
  });

  it('what is wrong with a user is told once, whatever else is wrong later', async () => {
    await admin.call('ACL', 'DELUSER', 'locks');
    await admin.call('ACL', 'SETUSER', ...without(user, 'del'), '-info');
    await using managers = new LockManagers();
    const locks = await managers.connected({ nodes: [{ ...server.options, ...login }] });
    await (await locks.acquire('one')).release();
    const aboutInfo = expect.stringMatching(/: its user may not call INFO: [^;]*$/);
    const aboutDel = expect.stringMatching(/: its user lacks a permission [^;]*$/);
    expect(managers.warnings).toEqual([aboutInfo, aboutDel]);
  });

  it('database 3 needs the right to select, and database 0 is never used instead', async () => {
    const messages = await messagesOf(user.words, { db: 3 });
    expect(messages.join()).toMatch(
      new RegExp(`${server.path}: unreachable \\(its database could not be selected \\(NOPERM`),
    );
    expect(await admin.dbsize()).toBe(0);
    expect(await messagesOf([...user.words, '+select'], { db: 3 })).toEqual([]);
    expect(await admin.dbsize()).toBe(0);
  });

  it('database 0 is not used instead of a database that does not exist', async () => {
    const messages = await messagesOf([...user.words, '+select'], { db: 99 });
    expect(messages.join()).toMatch(/could not be selected \(ERR DB index is out of range/);
    expect(await admin.dbsize()).toBe(0);
  });

  it.each(user.keys.filter((keys) => keys.endsWith(':fence:*')))(
    'without the keys ~%s nothing is released, and a message names the node',
    async (keys) => {
      await using managers = new LockManagers();
      await admin.call('ACL', 'DELUSER', 'locks');
      await admin.call('ACL', 'SETUSER', ...user.words.filter((word) => word !== `~${keys}`));
      const locks = managers.make({ nodes: [{ ...server.options, ...login }] });
      const events = record(locks);
      const lease = await locks.acquire(['plain', 'with a {tag}']);
      await lease.release();
      expect(ofType(events, 'released')[0]!.acknowledged).toBe(0);
      const failed = ofType(events, 'vote').filter(({ vote }) => vote === 'error');
      expect(failed[0]).toMatchObject({ op: 'release', node: server.path });
    },
  );

  it.each(user.keys.filter((keys) => !keys.endsWith(':fence:*')))(
    'without the keys ~%s something fails, and a message names the node',
    async (keys) => {
      await using managers = new LockManagers();
      await admin.call('ACL', 'DELUSER', 'locks');
      await admin.call('ACL', 'SETUSER', ...user.words.filter((word) => word !== `~${keys}`));
      const locks = managers.make({ nodes: [{ ...server.options, ...login }] });
      const error = await locks.acquire(['plain', 'with a {tag}']).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(QuorumUnreachableError);
      expect((error as Error).message).toMatch(new RegExp(`${server.path}: .*NOPERM`));
    },
  );
});

const isUntrusted = (error: unknown): boolean =>
  error instanceof QuorumUnreachableError && error.reason === 'untrusted';
