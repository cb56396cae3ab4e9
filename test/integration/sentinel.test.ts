import { describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { askSentinel, clientOf } from '../../src/node/redis/connection/ioredis.js';
import { masterRunIdOf } from '../../src/node/redis/connection/sentinel.js';
import { ACQUIRE } from '../../src/node/redis/protocol/acquire.js';
import { pageOf } from '../docs/markdown.js';
import { SENTINEL_LIBRARIES } from '../support/client-libraries.js';
import { FaultProxy } from '../support/fault-proxy.js';
import type { RedisServer } from '../support/redis-server.js';
import { startRedis } from '../support/redis-servers.js';
import { GROUP, startSentinels } from '../support/sentinels.js';
import { until } from '../support/until.js';
import { allVote, Clients, outcomeOf, R, SHORT, untilStatus } from '../support/clients.js';

type Four = [RedisServer, RedisServer, RedisServer, RedisServer];

const runIdOf = async (server: RedisServer): Promise<string | undefined> =>
  /^run_id:(\w+)/m.exec(await server.client().info('server'))?.[1];

async function keysOn(server: RedisServer): Promise<number> {
  return server.client().exists(`lock:${R}`);
}

describe.each(SENTINEL_LIBRARIES)('a node that sentinels monitor, by $name', ({ node }) => {
  it('a failover keeps leases, and the new master has no vote for one quarantine', async () => {
    await using redis = await startRedis({ count: 4, tcp: true });
    const [master, replica, second, third] = redis.servers as Four;
    await using sentinels = await startSentinels({ master, replica });
    await using clients = new Clients([]);
    const nodes = [node(sentinels.options), second.options, third.options];
    const [holder, otherClient] = [
      await clients.ready({ ...SHORT, nodes }),
      await clients.ready({ ...SHORT, nodes }),
    ];
    const { name } = holder.nodes()[0]!;
    expect(name).toBe(
      `${GROUP}@${[...sentinels.options.sentinels].map(({ port }) => `127.0.0.1:${port}`).sort()[0]}`,
    );
    const lease = await holder.acquire(R);
    await until(async () => (await keysOn(master)) === 1);

    await master.kill();
    await untilStatus(holder, 0, 'untrusted');
    expect(await sentinels.masterPort()).toBe(replica.port);
    expect(holder.nodes()[0]!.reason).toContain('it restarted, was emptied, or a replica took its place');
    const watcher = clients.make({ nodes: [sentinels.options.sentinels[0]!] });
    await untilStatus(watcher, 0, 'misconfigured');
    expect(watcher.nodes()[0]!.reason).toContain('it is a sentinel, which keeps no locks');
    expect(lease.signal.reason).toBeUndefined();
    // A client that starts now does not trust the new master either.
    const fresh = clients.make({ ...SHORT, nodes });
    await untilStatus(fresh, 0, 'untrusted');
    expect(await outcomeOf(otherClient.acquire(R))).toMatch(/^LOCK_NOT_ACQUIRED/);

    // The old master starts again and becomes a replica. The new one votes again.
    await master.start();
    await until(async () => (await master.client().info('replication')).includes('role:slave'));
    await allVote(holder);
    expect(lease.signal.reason).toBeUndefined();
    await until(async () => (await keysOn(replica)) === 1);
    await lease.release();
    expect(await keysOn(replica)).toBe(0);
    expect(await outcomeOf(otherClient.acquire(R))).toBe('granted');
    await until(async () => (await keysOn(replica)) === 1);
  });

  it('an old master that still runs as a master is not asked once the sentinels name another', async () => {
    await using redis = await startRedis({ count: 4, tcp: true });
    const [master, replica, second, third] = redis.servers as Four;
    await using sentinels = await startSentinels({ master, replica });
    await using clients = new Clients([]);
    const nodes = [node(sentinels.options), second.options, third.options];
    const locks = await clients.ready({ nodes });
    // The old master is stopped until the sentinels replace it, and they may not make it a replica, as if the
    // network between them were cut.
    await master.client().call('ACL', 'SETUSER', 'default', '-replicaof', '-slaveof', '-client|kill');
    master.pause();
    await until(async () => (await sentinels.masterPort()) === replica.port);
    master.resume();
    await untilStatus(locks, 0, 'untrusted');
    // Again and again, because a request is not repeated for a node that was away.
    let asked = 0;
    await until(async () => {
      expect(await outcomeOf(locks.acquire(`${R}:${++asked}`))).toBe('granted');
      return (await replica.client().keys(`lock:${R}:*`)).length > 0;
    });
    expect(await master.client().keys(`lock:${R}:*`)).toEqual([]);
  });

  it('a sentinel user needs no other rights than those in docs/security.md', async () => {
    await using redis = await startRedis({ count: 2, tcp: true });
    const [master, replica] = redis.servers as [RedisServer, RedisServer];
    await using sentinels = await startSentinels({ master, replica });
    await using clients = new Clients([]);
    const rights = /`(-@all \+sentinel[^`]*)`/.exec(pageOf('docs/security.md'))![1]!.split(' ');
    const [{ host, port }] = sentinels.options.sentinels as readonly [{ host: string; port: number }];
    await sentinels.call('ACL', 'SETUSER', 'locks', 'on', '>a-long-password', ...rights);
    const login = { sentinelUsername: 'locks', sentinelPassword: 'a-long-password' };
    const options = { sentinels: [{ host, port }], name: GROUP, ...login };
    const locks = await clients.ready({ nodes: [node(options)] });
    expect(await outcomeOf(locks.acquire(R))).toBe('granted');
    const ask = (sentinel: object): Promise<unknown> => askSentinel(sentinel, options, clientOf(options));
    expect(await masterRunIdOf(options.sentinels, ask)).toBe(await runIdOf(master));
    const log = (await sentinels.call('ACL', 'LOG')) as string[][];
    expect(
      log.map((entry) => entry[entry.indexOf('object') + 1]).filter((name) => !name?.startsWith('client|')),
    ).toEqual([]);
  });

  it('a master is reached by its mapped address', async () => {
    await using redis = await startRedis({ count: 2, tcp: true });
    const [master, replica] = redis.servers as [RedisServer, RedisServer];
    await using sentinels = await startSentinels({ master, replica });
    await using proxy = await FaultProxy.before(master);
    await using clients = new Clients([]);
    const natMap = { [`127.0.0.1:${master.port}`]: proxy.options };
    const locks = await clients.ready({ nodes: [node({ ...sentinels.options, natMap })] });
    expect(await outcomeOf(locks.acquire(R))).toBe('granted');
    expect(proxy.sent).toContain(ACQUIRE.sha);
    expect(await keysOn(master)).toBe(1);
  });

  it('a node votes as soon as sentinels name its master', async () => {
    await using redis = await startRedis({ count: 2, tcp: true });
    const [master, replica] = redis.servers as [RedisServer, RedisServer];
    await using sentinels = await startSentinels({ master, replica });
    await using clients = new Clients([]);
    const { port } = sentinels.options.sentinels[0]!;
    const another = node({ sentinels: [{ host: '127.0.0.1', port }], name: 'another' });
    const locks = clients.make({ nodes: [another] });
    // At first it is unreachable because it is not connected yet.
    const NONE = 'none of the sentinels named a master: ';
    await until(() => locks.nodes()[0]!.reason?.startsWith(`${NONE}ERR No such master`) === true);
    expect(await outcomeOf(locks.acquire(R))).toMatch(/^QUORUM_UNREACHABLE/);
    await sentinels.call('SENTINEL', 'MONITOR', 'another', '127.0.0.1', String(master.port), '2');
    await allVote(locks);
    expect(await outcomeOf(locks.acquire(R))).toBe('granted');
    await sentinels.stop();
    expect(await outcomeOf(locks.acquire('another'))).toBe('granted');
    const late = clients.make({ nodes: [node(sentinels.options)] });
    await until(() => late.nodes()[0]!.reason?.startsWith(NONE) === true);
  });
});

describe('a node that sentinels monitor', () => {
  it('sentinels in any order name the same node, and a client of theirs is duplicated', async () => {
    await using redis = await startRedis({ count: 2, tcp: true });
    const [master, replica] = redis.servers as [RedisServer, RedisServer];
    await using sentinels = await startSentinels({ master, replica });
    await using clients = new Clients([]);
    const { sentinels: list, name } = sentinels.options;
    const client = new Redis({ sentinels: [...list].reverse(), name, lazyConnect: true });
    const others = SENTINEL_LIBRARIES.map(({ node }) => node({ sentinels: list, name }));
    for (const other of [client, ...others])
      expect(() => clients.make({ nodes: [sentinels.options, other] })).toThrow(
        /nodes\[0\] and nodes\[1\] are the same server/,
      );
    const locks = await clients.ready({ nodes: [client] });
    expect(await outcomeOf(locks.acquire(R))).toBe('granted');
    expect(await keysOn(master)).toBe(1);
    expect(client.status).toBe('wait');
    client.disconnect();
  });
});
