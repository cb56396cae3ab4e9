import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { QuorumUnreachableError, type LockEvent, type LockManager } from '../../src/index.js';
import { CALM, LockManagers, record, untilGone, valuesOf } from '../support/lock-managers.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { until } from '../support/until.js';

/** What shows only once a node is connected to: its warnings and errors name the node, and never its password. */
const SECRET = 'hunter2-and-a-half';

let redis: RedisServers | undefined;
let managers: LockManagers;

beforeEach(() => {
  managers = new LockManagers();
});
afterEach(async () => {
  await managers[Symbol.asyncDispose]();
  await redis?.stop();
});

const start = async (count: number, args: readonly string[] = []): Promise<RedisServers['servers']> => {
  redis = await startRedis({ count, tcp: true, args });
  return redis.servers;
};

const statusOf = (locks: LockManager, node: number): string | undefined => locks.nodes()[node]?.status;

/** All that anybody could come to see of a manager, as a log would show it. */
const shown = (...things: unknown[]): string =>
  things
    .map(
      (thing) =>
        `${inspect(thing, { depth: 20, showHidden: true, maxStringLength: Infinity })}\n${String(thing)}`,
    )
    .join('\n');

async function everythingOf(locks: LockManager, events: readonly LockEvent[]): Promise<string> {
  const error = await locks.acquire('a').catch((thrown: unknown) => thrown);
  const inspection = await locks.inspect('a').catch((thrown: unknown) => thrown);
  const json = JSON.stringify([events, locks.nodes(), error, inspection]);
  return (
    shown(locks, locks.nodes(), events, managers.warnings, error, inspection, (error as Error).stack) + json
  );
}

describe('a refused password', () => {
  it.each<[string, (port: number) => string | object]>([
    ['a url', (port) => `redis://:${SECRET}@127.0.0.1:${port}`],
    ['a url with a user', (port) => `redis://nobody:${SECRET}@127.0.0.1:${port}`],
    ['options', (port) => ({ host: '127.0.0.1', port, password: SECRET })],
    ['options with a user', (port) => ({ host: '127.0.0.1', port, username: 'nobody', password: SECRET })],
    ['a client', (port) => new Redis({ host: '127.0.0.1', port, password: SECRET, lazyConnect: true })],
    ['no password at all', (port) => ({ host: '127.0.0.1', port })],
  ])(
    'in %s is told with the node, in a warning, the state and the error, and shown nowhere',
    async (_name, source) => {
      const servers = await start(1, ['--requirepass', 'the-right-one']);
      const { port } = servers[0]!;
      const locks = managers.make({ ...CALM, nodes: [source(port) as string] });
      const events = record(locks);
      await until(() => statusOf(locks, 0) === 'misconfigured');
      expect(managers.warnings).toEqual([
        expect.stringMatching(new RegExp(`node 127\\.0\\.0\\.1:${port} has no vote: .*(WRONGPASS|NOAUTH)`)),
      ]);
      const error = await locks.acquire('a').catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(QuorumUnreachableError);
      expect((error as Error).message).toMatch(
        new RegExp(`127\\.0\\.0\\.1:${port}.*(password|WRONGPASS|NOAUTH)`),
      );
      expect(await everythingOf(locks, events)).not.toContain(SECRET);
      expect(await everythingOf(locks, events)).not.toContain('the-right-one');
    },
  );

  it('costs the node its vote and nothing else: the other two go on, and it votes once it is let in', async () => {
    const servers = await start(3);
    await servers[0]!.client().call('CONFIG', 'SET', 'requirepass', SECRET);
    const nodes = servers.map((server) => ({ host: '127.0.0.1', port: server.port }));
    const locks = managers.make({ ...CALM, nodes });
    await until(() => statusOf(locks, 0) === 'misconfigured' && statusOf(locks, 2) === 'ready');
    const lease = await locks.acquire('a');
    await lease.release();
    const let_in = new Redis({ host: '127.0.0.1', port: servers[0]!.port, password: SECRET });
    await let_in.config('SET', 'requirepass', '');
    let_in.disconnect();
    await until(() => statusOf(locks, 0) === 'ready');
  });
});

it('a password that is right is shown nowhere either, whatever goes wrong', async () => {
  const servers = await start(3, ['--requirepass', SECRET]);
  const locks = managers.make({
    ...CALM,
    nodes: servers.map(({ port }) => `redis://:${SECRET}@127.0.0.1:${port}`),
  });
  const events = record(locks);
  await until(() => locks.nodes().every(({ status }) => status === 'ready'));
  const lease = await locks.acquire('b');
  expect(await everythingOf(locks, events)).not.toContain(SECRET);
  await Promise.all(servers.map((server) => server.kill()));
  await until(() => locks.nodes().every(({ status }) => status === 'unreachable'));
  expect(await everythingOf(locks, events)).not.toContain(SECRET);
  expect(shown(lease)).not.toContain(SECRET);
});

describe('a user of limited rights', () => {
  /** A user who may do everything but what is named. */
  async function withUser(...rules: string[]): Promise<{ locks: LockManager; port: number }> {
    const servers = await start(1);
    const { port } = servers[0]!;
    await servers[0]!
      .client()
      .call('ACL', 'SETUSER', 'worker', 'on', `>${SECRET}`, '~lock:*', '~{lock:*', ...rules);
    const locks = managers.make({ ...CALM, nodes: [`redis://worker:${SECRET}@127.0.0.1:${port}`] });
    return { locks, port };
  }

  it('who may not run scripts is told so with the node, and gets no lock', async () => {
    const { locks, port } = await withUser('+@all', '-evalsha', '-eval');
    const events = record(locks);
    const error = await locks.acquire('a').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(QuorumUnreachableError);
    expect((error as Error).message).toMatch(new RegExp(`127\\.0\\.0\\.1:${port}.*NOPERM`));
    expect(await everythingOf(locks, events)).not.toContain(SECRET);
  });

  it('who may not touch the keys is told so with the node, and gets no lock', async () => {
    const { locks, port } = await withUser('+@all', 'resetkeys', '~elsewhere:*');
    const error = await locks.acquire('a').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(QuorumUnreachableError);
    expect((error as Error).message).toMatch(new RegExp(`127\\.0\\.0\\.1:${port}.*NOPERM`));
  });

  it('who may not call INFO locks all the same', async () => {
    const { locks } = await withUser('+@all', '-info');
    await (await locks.acquire('a')).release();
  });

  it('is not tried in a hot loop when what a node needs is forbidden', async () => {
    const { locks } = await withUser('+@all', '-time');
    const stats = async (): Promise<number> => {
      const info = await redis!.servers[0]!.client().info('stats');
      return Number(/total_connections_received:(\d+)/.exec(info)?.[1]);
    };
    await locks.acquire('a').catch(() => undefined);
    const before = await stats();
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    // Our own look at it is one more.
    expect((await stats()) - before).toBeLessThanOrEqual(10);
  });
});

describe('a read-only replica', () => {
  it('has no vote, with a warning that names it; the other two nodes go on', async () => {
    const servers = await start(3);
    const [master, replica] = servers as [(typeof servers)[0], (typeof servers)[0]];
    await replica.client().replicaof('127.0.0.1', master.port);
    const locks = managers.make({ ...CALM, servers });
    await until(() => statusOf(locks, 1) === 'misconfigured');
    expect(locks.nodes()[1]?.reason).toBe('it is a read-only replica');
    expect(managers.warnings).toEqual([
      `node 127.0.0.1:${replica.port} has no vote: it is a read-only replica`,
    ]);
    const lease = await locks.acquire('a');
    await lease.release();
    await untilGone([servers[0]!, servers[2]!], 'lock:a');
  });

  it('as the only node means that no lock is to be had, and the error names it', async () => {
    const servers = await start(2);
    await servers[1]!.client().replicaof('127.0.0.1', servers[0]!.port);
    const locks = managers.make({ ...CALM, servers: [servers[1]!] });
    const error = await locks.acquire('a').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(QuorumUnreachableError);
    expect((error as Error).message).toMatch(
      new RegExp(`127\\.0\\.0\\.1:${servers[1]!.port}.*read-only replica`),
    );
  });

  it('that becomes a master has a vote', async () => {
    const servers = await start(1);
    await servers[0]!.client().replicaof('127.0.0.1', 1);
    const locks = managers.make({ ...CALM, servers });
    await until(() => statusOf(locks, 0) === 'misconfigured');
    await servers[0]!.client().call('REPLICAOF', 'NO', 'ONE');
    await until(() => statusOf(locks, 0) === 'ready');
    await (await locks.acquire('a')).release();
  });
});

describe('the same server under two addresses', () => {
  it('votes once: the later entry is taken out with a warning that names both', async () => {
    const servers = await start(2);
    const { port } = servers[0]!;
    const nodes = [`redis://127.0.0.1:${port}`, servers[1]!.url, `redis://localhost:${port}`];
    const locks = managers.make({ ...CALM, nodes });
    await until(() => statusOf(locks, 2) === 'misconfigured');
    expect(managers.warnings).toContain(
      `node localhost:${port} has no vote: it is the same server as 127.0.0.1:${port}`,
    );
    const lease = await locks.acquire('a');
    expect((await valuesOf(servers, 'lock:a')).every((value) => value !== null)).toBe(true);
    await lease.release();
    await servers[1]!.kill();
    await until(() => statusOf(locks, 1) === 'unreachable');
    await expect(locks.acquire('a')).rejects.toThrow(QuorumUnreachableError);
    await untilGone([servers[0]!], 'lock:a');
  });

  it('is no majority: two entries of one server hold no lock', async () => {
    const servers = await start(1);
    const { port } = servers[0]!;
    const locks = managers.make({
      ...CALM,
      nodes: [`redis://127.0.0.1:${port}`, `redis://localhost:${port}`],
    });
    await until(() => statusOf(locks, 1) === 'misconfigured');
    const error = await locks.acquire('a').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(QuorumUnreachableError);
    expect((error as Error).message).toMatch(/localhost:\d+.*same server/);
    await untilGone(servers, 'lock:a');
  });
});

it('a server that never answers is unreachable, and asking it for a lock ends', async () => {
  const servers = await start(1);
  servers[0]!.pause();
  const locks = managers.make({ ...CALM, servers });
  await expect(locks.acquire('a')).rejects.toThrow(QuorumUnreachableError);
  await until(() => statusOf(locks, 0) === 'unreachable');
  servers[0]!.resume();
  await until(() => statusOf(locks, 0) === 'ready');
});

it('what answers is no Redis server: the node is unreachable, and asking it for a lock ends', async () => {
  const { createServer } = await import('node:net');
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.resume().write('HTTP/1.1 400 Bad Request\r\n\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const locks = managers.make({ ...CALM, nodes: [`redis://:${SECRET}@127.0.0.1:${port}`] });
  const events = record(locks);
  await expect(locks.acquire('a')).rejects.toThrow(QuorumUnreachableError);
  expect(await everythingOf(locks, events)).not.toContain(SECRET);
  await locks.close();
  await new Promise((resolve) => server.close(resolve));
});
