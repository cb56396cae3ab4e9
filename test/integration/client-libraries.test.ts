import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { QuorumUnreachableError, type LockManager } from '../../src/index.js';
import { ACQUIRE } from '../../src/node/redis/protocol/acquire.js';
import { CLIENT_LIBRARIES, type ClientOptions } from '../support/client-libraries.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { allReady, valuesOf } from '../support/lock-managers.js';
import { oneRedis } from '../support/one-redis.js';
import { until } from '../support/until.js';

const redis = oneRedis();

const statusOf = (locks: LockManager): string => locks.nodes()[0]!.status;
const untilIs = (locks: LockManager, status: string): Promise<boolean> =>
  until(() => statusOf(locks) === status, { what: `the node to be ${status}` });

describe.each(CLIENT_LIBRARIES)('a client of $name as a node', ({ node, isUntouched, useUp }) => {
  const connected = (options: ClientOptions): Promise<LockManager> =>
    redis.managers.connected({ nodes: [node(options)] });

  /** The number of calls of the script that acquires that were sent through the proxy. */
  const acquiresSent = (proxy: FaultProxy): number => proxy.sent.split(`${ACQUIRE.sha}\r\n`).length - 1;

  it('is neither connected, used nor closed', async () => {
    const client = node(redis.server.options);
    const locks = await redis.managers.connected({ nodes: [client] });
    await locks.withLock('a', async () => undefined);
    await locks.close();
    expect(isUntouched(client)).toBe(true);
  });

  it('may be closed already: quorlock has connections of its own', async () => {
    const client = node(redis.server.options);
    await useUp(client);
    const locks = await redis.managers.connected({ nodes: [client] });
    await locks.withLock('a', async () => undefined);
    await locks.close();
  });

  it('locks in the database of the client, and a waiter is told of a release', async () => {
    const locks = await connected({ ...redis.server.options, db: 3 });
    const others = await connected({ ...redis.server.options, db: 3 });
    const lease = await locks.acquire('a', { ttlMs: 60_000 });
    const third = redis.server.client({ db: 3 });
    expect(await third.exists('lock:a')).toBe(1);
    const waiting = others.acquire('a', { ttlMs: 60_000, waitMs: 30_000 });
    await until(async () => (await third.pubsub('CHANNELS')).length > 0, { what: 'the waiter to listen' });
    await lease.release();
    await (await waiting).release();
  });

  it('a command lost with its connection is not sent again on the next one', async () => {
    await using proxy = await FaultProxy.before(redis.server);
    const locks = await connected(proxy.options);
    proxy.setAll({ loseRequests: true });
    const acquired = expect(locks.acquire('a', { ttlMs: 60_000 })).rejects.toThrow(QuorumUnreachableError);
    await until(() => acquiresSent(proxy) === 1);
    proxy.setAll({});
    await acquired;
    await until(() => proxy.connections === 2);
    await allReady(locks);
    // The new connection sends what it has to send before it answers this.
    await locks.inspect('a');
    expect(acquiresSent(proxy)).toBe(1);
    expect(await valuesOf([redis.server], 'lock:a')).toEqual([null]);
    await locks.close();
  });

  it('a command issued without a connection fails at once and is not sent later', async () => {
    await using proxy = await FaultProxy.before(redis.server);
    const locks = await connected(proxy.options);
    proxy.setAll({ refuse: true });
    await untilIs(locks, 'unreachable');
    await expect(locks.acquire('a', { ttlMs: 60_000 })).rejects.toThrow(QuorumUnreachableError);
    proxy.setAll({});
    await allReady(locks);
    await locks.inspect('a');
    expect(acquiresSent(proxy)).toBe(0);
    await locks.close();
  });

  it('a server that accepts and closes for a while is ready again, and not said to expect TLS', async () => {
    await using proxy = await FaultProxy.before(redis.server);
    const locks = await connected(proxy.options);
    const reasons = new Set<string | undefined>();
    const before = proxy.connections;
    proxy.setAll({ refuse: true });
    await untilIs(locks, 'unreachable');
    const isTriedAgain = (): boolean => {
      reasons.add(locks.nodes()[0]!.reason);
      return proxy.connections >= before + 4;
    };
    await until(isTriedAgain, { what: 'it to be tried again' });
    proxy.setAll({});
    await allReady(locks);
    await locks.close();
    expect([...reasons].join()).not.toContain('TLS');
  });

  it('a connection on which the server is silent is made anew', async () => {
    await using proxy = await FaultProxy.before(redis.server);
    const locks = await connected(proxy.options);
    proxy.setAll({ loseReplies: true });
    await expect(locks.acquire('a', { ttlMs: 60_000, nodeTimeoutMs: 100 })).rejects.toThrow(
      QuorumUnreachableError,
    );
    await untilIs(locks, 'unreachable');
    proxy.setAll({});
    await allReady(locks);
    await locks.withLock('a', { waitMs: 10_000 }, async () => undefined);
    await locks.close();
  });

  it('a connection is made anew, too, if the server is silent while it is made again', async () => {
    await using proxy = await FaultProxy.before(redis.server);
    const locks = await connected(proxy.options);
    proxy.setAll({ loseReplies: true });
    await expect(locks.acquire('a', { ttlMs: 60_000, nodeTimeoutMs: 100 })).rejects.toThrow(
      QuorumUnreachableError,
    );
    // The link stays as it is: nothing but the silence ends the second connection.
    await until(() => proxy.connections >= 3, { what: 'a third connection' });
    await locks.close();
  });

  it('a server that accepts and never answers is unreachable, and close() does not wait for it', async () => {
    const sockets = new Set<Socket>();
    const silent: Server = createServer(
      (socket) => void sockets.add(socket.on('error', () => undefined).resume()),
    );
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const locks = redis.managers.make({ nodes: [node({ host: '127.0.0.1', port })] });
    await untilIs(locks, 'unreachable');
    await locks.close();
    await until(() => [...sockets].every(({ readableEnded, destroyed }) => readableEnded || destroyed), {
      what: 'the connections to end',
    });
    await new Promise((resolve) => silent.close(resolve));
  });

  it('a wrong password is told, and is not shown', async () => {
    const client = redis.server.client();
    await client.call('ACL', 'SETUSER', 'app', 'on', 'resetpass', '>the-right-one', '~*', '&*', '+@all');
    const wrong = { username: 'app', password: 'hunter2-and-a-half' };
    const locks = redis.managers.make({ nodes: [node({ ...redis.server.options, ...wrong })] });
    await untilIs(locks, 'misconfigured');
    const { reason } = locks.nodes()[0]!;
    expect(reason).toMatch(/^the server refused the user or password \(WRONGPASS/);
    expect(reason).not.toContain('hunter2');
    const right = { ...wrong, password: 'the-right-one' };
    const others = await connected({ ...redis.server.options, ...right });
    await others.withLock('a', async () => undefined);
    await client.call('ACL', 'DELUSER', 'app');
  });

  it('a database that does not exist is told', async () => {
    const locks = redis.managers.make({ nodes: [node({ ...redis.server.options, db: 77 })] });
    await untilIs(locks, 'unreachable');
    expect(locks.nodes()[0]!.reason).toMatch(/its database could not be selected \(ERR DB index is out of/);
  });
});
