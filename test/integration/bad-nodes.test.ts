import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { QuorumUnreachableError, type LockEvent, type LockManager } from '../../src/index.js';
import { clusterEndpointOf } from '../../src/node/redis/cluster/cluster-endpoint.js';
import { TopologyReader } from '../../src/node/redis/cluster/topology-reader.js';
import { freePort } from '../support/free-port.js';
import { LONG_TIMEOUT, LockManagers, record, untilGone, valuesOf } from '../support/lock-managers.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { until } from '../support/until.js';

/** Mistakes that show only on connection. Warnings and errors name the node and never its password. */
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

/** Everything that a user could see of a manager, as a log prints it. */
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

describe('a wrong password', () => {
  it.each<[string, (port: number) => string | object]>([
    ['a URL', (port) => `redis://:${SECRET}@127.0.0.1:${port}`],
    ['a URL with a user', (port) => `redis://nobody:${SECRET}@127.0.0.1:${port}`],
    ['options', (port) => ({ host: '127.0.0.1', port, password: SECRET })],
    ['options with a user', (port) => ({ host: '127.0.0.1', port, username: 'nobody', password: SECRET })],
    ['a client', (port) => new Redis({ host: '127.0.0.1', port, password: SECRET, lazyConnect: true })],
    ['no password at all', (port) => ({ host: '127.0.0.1', port })],
  ])('a wrong password in %s is reported with the node and is never shown', async (_name, source) => {
    const servers = await start(1, ['--requirepass', 'the-right-one']);
    const { port } = servers[0]!;
    const locks = managers.make({ ...LONG_TIMEOUT, nodes: [source(port) as string] });
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
  });

  it('a node has no vote while it rejects the password, and the other two nodes go on', async () => {
    const servers = await start(3);
    await servers[0]!.client().call('CONFIG', 'SET', 'requirepass', SECRET);
    const nodes = servers.map((server) => ({ host: '127.0.0.1', port: server.port }));
    const locks = managers.make({ ...LONG_TIMEOUT, nodes });
    await until(() => statusOf(locks, 0) === 'misconfigured' && statusOf(locks, 2) === 'ready');
    const lease = await locks.acquire('a');
    await lease.release();
    const admin = new Redis({ host: '127.0.0.1', port: servers[0]!.port, password: SECRET });
    await admin.config('SET', 'requirepass', '');
    admin.disconnect();
    await until(() => statusOf(locks, 0) === 'ready');
  });
});

it('a correct password is never shown, even when nodes fail', async () => {
  const servers = await start(3, ['--requirepass', SECRET]);
  const locks = managers.make({
    ...LONG_TIMEOUT,
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

describe('a user with limited rights', () => {
  /** A user with access to the lock keys and with these rules. */
  async function withUser(...rules: string[]): Promise<{ locks: LockManager; port: number }> {
    const servers = await start(1);
    const { port } = servers[0]!;
    await servers[0]!
      .client()
      .call('ACL', 'SETUSER', 'worker', 'on', `>${SECRET}`, '~lock:*', '~{lock:*', ...rules);
    const locks = managers.make({ ...LONG_TIMEOUT, nodes: [`redis://worker:${SECRET}@127.0.0.1:${port}`] });
    return { locks, port };
  }

  it('an error names the node if the user may not run scripts', async () => {
    const { locks, port } = await withUser('+@all', '-evalsha', '-eval');
    const events = record(locks);
    const error = await locks.acquire('a').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(QuorumUnreachableError);
    expect((error as Error).message).toMatch(new RegExp(`127\\.0\\.0\\.1:${port}.*NOPERM`));
    expect(await everythingOf(locks, events)).not.toContain(SECRET);
  });

  it('an error names the node if the user may not access the keys', async () => {
    const { locks, port } = await withUser('+@all', 'resetkeys', '~elsewhere:*');
    const error = await locks.acquire('a').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(QuorumUnreachableError);
    expect((error as Error).message).toMatch(new RegExp(`127\\.0\\.0\\.1:${port}.*NOPERM`));
  });

  it('a user without the right to INFO can lock', async () => {
    const { locks } = await withUser('+@all', '-info');
    await (await locks.acquire('a')).release();
  });

  it('a node is not retried in a hot loop if the user lacks a right that it needs', async () => {
    const { locks } = await withUser('+@all', '-time');
    const stats = async (): Promise<number> => {
      const info = await redis!.servers[0]!.client().info('stats');
      return Number(/total_connections_received:(\d+)/.exec(info)?.[1]);
    };
    await locks.acquire('a').catch(() => undefined);
    const before = await stats();
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    // The test's own connection counts as one more.
    expect((await stats()) - before).toBeLessThanOrEqual(10);
  });
});

describe('servers that know no INFO', () => {
  it.each([1, 3])(
    'servers whose INFO was renamed away vote, and a warning names each (%d)',
    async (count) => {
      const servers = await start(count, ['--rename-command', 'INFO', 'INFO-OF-TESTS']);
      const locks = managers.make({ ...LONG_TIMEOUT, servers });
      expect((await locks.started()).reached).toBe(true);
      await (await locks.acquire('a')).release();
      // The process connects again as it did at first.
      for (const server of servers)
        await server.client({ enableReadyCheck: false }).call('CLIENT', 'KILL', 'TYPE', 'normal');
      await until(() => locks.acquire('b').catch(() => undefined));
      expect(managers.warnings.filter((warning) => warning.includes('may not call INFO'))).toHaveLength(
        count,
      );
    },
  );

  it('a Redis Cluster of such servers is read, although each of its seeds is tried once', async () => {
    const args = ['--cluster-enabled', 'yes', '--cluster-port', String(await freePort())];
    const [server] = await start(1, [...args, '--rename-command', 'INFO', 'INFO-OF-TESTS']);
    await server!.client({ enableReadyCheck: false }).call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    const seeds = [{ host: '127.0.0.1', port: server!.port }];
    const reader = new TopologyReader(clusterEndpointOf({ cluster: seeds }, 'nodes[0]'));
    expect((await reader.read(false)).shards).toHaveLength(1);
    reader.close();
  });
});

describe('a read-only replica', () => {
  it('a read-only replica has no vote, a warning names it, and the other two nodes go on', async () => {
    const servers = await start(3);
    const [master, replica] = servers as [(typeof servers)[0], (typeof servers)[0]];
    await replica.client().replicaof('127.0.0.1', master.port);
    const locks = managers.make({ ...LONG_TIMEOUT, servers });
    await until(() => statusOf(locks, 1) === 'misconfigured');
    expect(locks.nodes()[1]?.reason).toBe('it is a read-only replica');
    expect(managers.warnings).toEqual([
      `node 127.0.0.1:${replica.port} has no vote: it is a read-only replica`,
    ]);
    const lease = await locks.acquire('a');
    await lease.release();
    await untilGone([servers[0]!, servers[2]!], 'lock:a');
  });

  it('a lock cannot be acquired on a single read-only replica, and the error names it', async () => {
    const servers = await start(2);
    await servers[1]!.client().replicaof('127.0.0.1', servers[0]!.port);
    const locks = managers.make({ ...LONG_TIMEOUT, servers: [servers[1]!] });
    const error = await locks.acquire('a').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(QuorumUnreachableError);
    expect((error as Error).message).toMatch(
      new RegExp(`127\\.0\\.0\\.1:${servers[1]!.port}.*read-only replica`),
    );
  });

  it('a replica that becomes a master gets a vote', async () => {
    const servers = await start(1);
    await servers[0]!.client().replicaof('127.0.0.1', 1);
    const locks = managers.make({ ...LONG_TIMEOUT, servers });
    await until(() => statusOf(locks, 0) === 'misconfigured');
    await servers[0]!.client().call('REPLICAOF', 'NO', 'ONE');
    await until(() => statusOf(locks, 0) === 'ready');
    await (await locks.acquire('a')).release();
  });
});

describe('the same server under two addresses', () => {
  it('a server under two addresses has one vote, and a warning names both', async () => {
    const servers = await start(2);
    const { port } = servers[0]!;
    const nodes = [`redis://127.0.0.1:${port}`, servers[1]!.url, `redis://localhost:${port}`];
    const locks = managers.make({ ...LONG_TIMEOUT, nodes });
    // The address that answers first is taken for the server.
    await until(() => [0, 2].some((nodeIndex) => statusOf(locks, nodeIndex) === 'misconfigured'));
    const [first, second] = [`127.0.0.1:${port}`, `localhost:${port}`];
    const isFirst = statusOf(locks, 2) === 'misconfigured';
    expect(managers.warnings).toContain(
      isFirst
        ? `node ${second} has no vote: it is the same server as ${first}`
        : `node ${first} has no vote: it is the same server as ${second}`,
    );
    const lease = await locks.acquire('a');
    expect((await valuesOf(servers, 'lock:a')).every((value) => value !== null)).toBe(true);
    await lease.release();
    await servers[1]!.kill();
    await until(() => statusOf(locks, 1) === 'unreachable');
    await expect(locks.acquire('a')).rejects.toThrow(QuorumUnreachableError);
    await untilGone([servers[0]!], 'lock:a');
  });

  it('two addresses of one server are no majority', async () => {
    const servers = await start(1);
    const { port } = servers[0]!;
    const locks = managers.make({
      ...LONG_TIMEOUT,
      nodes: [`redis://127.0.0.1:${port}`, `redis://localhost:${port}`],
    });
    // The address that answers first is taken for the server.
    await until(() => [0, 1].some((nodeIndex) => statusOf(locks, nodeIndex) === 'misconfigured'));
    const error = await locks.acquire('a').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(QuorumUnreachableError);
    expect((error as Error).message).toMatch(/(localhost|127\.0\.0\.1):\d+.*same server/);
    await untilGone(servers, 'lock:a');
  });
});

it('a server that never replies is unreachable, and acquire ends', async () => {
  const servers = await start(1);
  servers[0]!.pause();
  const locks = managers.make({ ...LONG_TIMEOUT, servers });
  await expect(locks.acquire('a')).rejects.toThrow(QuorumUnreachableError);
  await until(() => statusOf(locks, 0) === 'unreachable');
  servers[0]!.resume();
  await until(() => statusOf(locks, 0) === 'ready');
});

it('a server that loads its data is said to do so', async () => {
  const { createServer } = await import('node:net');
  const info = 'loading:1\r\nloading_eta_seconds:1\r\n';
  const server = createServer((socket) => {
    socket.on('error', () => undefined).unref();
    socket.on('data', (chunk) => {
      const commands = chunk
        .toString()
        .split(/^\*\d+\r\n/m)
        .slice(1);
      for (const command of commands)
        socket.write(/^\$4\r\ninfo/i.test(command) ? `$${info.length}\r\n${info}\r\n` : '+OK\r\n');
    });
  }).unref();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const locks = managers.make({ nodes: [`redis://127.0.0.1:${port}`] });
  locks.connect();
  await until(() => locks.nodes()[0]!.reason?.includes('loading its data') === true);
  await expect(locks.acquire('a')).rejects.toThrow(/loading its data/);
  server.close();
});

it('a server of another protocol is unreachable, and acquire ends', async () => {
  const { createServer } = await import('node:net');
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.resume().write('HTTP/1.1 400 Bad Request\r\n\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const locks = managers.make({ ...LONG_TIMEOUT, nodes: [`redis://:${SECRET}@127.0.0.1:${port}`] });
  const events = record(locks);
  await expect(locks.acquire('a')).rejects.toThrow(QuorumUnreachableError);
  expect(await everythingOf(locks, events)).not.toContain(SECRET);
  await locks.close();
  await new Promise((resolve) => server.close(resolve));
});
