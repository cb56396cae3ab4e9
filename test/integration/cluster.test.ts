import { describe, expect, it } from '@jest/globals';
import { Cluster } from 'ioredis';
import { createCluster } from 'redis';
import { QuorumUnreachableError, type LockManager, type LockManagerOptions } from '../../src/index.js';
import { slotOf } from '../../src/node/redis/protocol/key-slot.js';
import { ACQUIRE } from '../../src/node/redis/protocol/acquire.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { RedisCluster } from '../support/redis-cluster.js';
import type { RedisServer } from '../support/redis-server.js';
import { startRedis } from '../support/redis-servers.js';
import { until } from '../support/until.js';
import { allVote, Clients, outcomeOf, SHORT, untilStatus } from '../support/clients.js';

interface Address {
  readonly host: string;
  readonly port: number;
}

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f'] as const;

/** Resource names whose lock keys are on three different masters. */
function namesOn(cluster: RedisCluster): Promise<string[]> {
  return Promise.all(
    cluster.masters.map(async (master) => {
      for (let i = 0; ; i++) if ((await cluster.masterOf(`lock:name-${i}`)) === master) return `name-${i}`;
    }),
  );
}

async function setUp(options: Parameters<typeof RedisCluster.start>[0] = {}) {
  const [cluster, redis] = await Promise.all([RedisCluster.start(options), startRedis({ count: 2 })]);
  const clients = new Clients([]);
  return {
    cluster,
    clients,
    nodes: [cluster.options, ...redis.servers.map((server) => server.options)],
    [Symbol.asyncDispose]: async () => {
      await clients[Symbol.asyncDispose]();
      await Promise.all([cluster.stop(), redis.stop()]);
    },
  };
}

const has = async (server: RedisServer, resource: string): Promise<boolean> =>
  (await server.client().exists(`lock:${resource}`)) === 1;

describe('a Redis Cluster as one of three nodes', () => {
  it('a Cluster votes with the shard of each lock, and once for locks with a common hash tag', async () => {
    await using all = await setUp();
    const { cluster, clients, nodes } = all;
    const [locks, other] = [await clients.ready({ nodes }), await clients.ready({ nodes })];
    expect(clients.warnings).toEqual([]);
    const leases = await Promise.all(KEYS.map((key) => locks.acquire(key)));
    for (const key of KEYS) {
      await until(async () => has(await cluster.masterOf(`lock:${key}`), key));
      expect(await outcomeOf(other.acquire(key))).toBe('LOCK_NOT_ACQUIRED held');
    }
    for (const lease of leases) {
      await lease.extend();
      await lease.release();
    }
    const together = ['{order:7}:stock', '{order:7}:invoice'];
    const both = await locks.acquire(together);
    const home = await cluster.masterOf('lock:{order:7}:stock');
    for (const resource of together) await until(() => has(home, resource));
    await both.release();
    for (const master of cluster.masters)
      await until(async () =>
        (await master.client().keys('lock:*')).every((key) => key.includes('quorlock:')),
      );
  });

  it('a Cluster has no vote for several locks without a common hash tag, and the error says so', async () => {
    await using all = await setUp();
    const { cluster, clients, nodes } = all;
    const names = await namesOn(cluster);
    // Clients that start at the same time agree that the Cluster is new.
    const [locks] = (await Promise.all([1, 2, 3].map(() => clients.ready({ nodes })))) as [LockManager];
    const lease = await locks.acquire(names);
    for (const [index, name] of names.entries()) expect(await has(cluster.masters[index]!, name)).toBe(false);
    await lease.extend();
    await lease.release();

    const alone = await clients.ready({ nodes: [cluster.options] });
    const error = await alone.acquire(names).catch((reason: unknown) => reason as QuorumUnreachableError);
    expect(error).toBeInstanceOf(QuorumUnreachableError);
    expect((error as QuorumUnreachableError).message).toMatch(/hash tag in common/);
  });

  it('leases survive the move of a slot, and the new shard has no vote for one quarantine', async () => {
    await using all = await setUp();
    const { cluster, clients, nodes } = all;
    const [moving, staying] = await namesOn(cluster);
    const [from, , to] = cluster.masters as [RedisServer, RedisServer, RedisServer];
    const locks = await clients.ready({ ...SHORT, nodes });
    const lease = await locks.acquire(moving!);
    await until(() => has(from, moving!));
    await cluster.moveSlot(`lock:${moving}`, to);
    await untilStatus(locks, 0, 'untrusted');
    const why = new RegExp(`^shard 127.0.0.1:${to.port}: it is new, .* took slots over`);
    expect(locks.nodes()[0]!.reason).toMatch(why);
    // A client that has just started does not trust the shard either. The other shards go on voting.
    const fresh = clients.make({ ...SHORT, nodes });
    await untilStatus(fresh, 0, 'untrusted');
    expect(await outcomeOf(fresh.acquire(moving!))).toBe('LOCK_NOT_ACQUIRED held');
    expect(await outcomeOf(fresh.acquire(staying!))).toBe('granted');
    await allVote(locks);
    await lease.extend();
    expect(lease.signal.aborted).toBe(false);
    expect(await has(to, moving!)).toBe(true);
    await lease.release();
    await until(async () => !(await has(to, moving!)));
    expect(await outcomeOf(fresh.acquire(moving!))).toBe('granted');
    await until(() => has(to, moving!));
  });

  it('a Cluster votes without a shard that is down, which returns without a vote', async () => {
    await using all = await setUp();
    const { cluster, clients, nodes } = all;
    const [first, lost] = (await namesOn(cluster)) as [string, string];
    const gone = cluster.masters[1]!;
    const locks = await clients.ready({ ...SHORT, nodes });
    const leases = await Promise.all([locks.acquire(first), locks.acquire(lost)]);
    await gone.kill();
    await untilStatus(locks, 0, 'unreachable');
    expect(locks.nodes()[0]!.reason).toContain(`shard 127.0.0.1:${gone.port}: `);
    await leases[0].release();
    expect(await outcomeOf(locks.acquire(first))).toBe('granted');
    await until(() => has(cluster.masters[0]!, first));
    // A client that starts now counts the other shards: the list in use has the Cluster at this address.
    const late = clients.make({ ...SHORT, nodes });
    const besides = `late{lock:${first}}`;
    await until(async () => (await outcomeOf(late.acquire(besides))) === 'granted');
    await until(() => has(cluster.masters[0]!, besides));
    await gone.start();
    await untilStatus(locks, 0, 'untrusted');
    await allVote(locks);
    await allVote(late);
    expect(leases[1].signal.aborted).toBe(false);
    await until(() => has(gone, lost));
  });

  it('a promoted replica has no vote for one quarantine, and no lock is granted twice', async () => {
    await using all = await setUp({ replicas: true });
    const { cluster, clients, nodes } = all;
    const [name] = (await namesOn(cluster)) as [string];
    const [master] = cluster.masters as [RedisServer];
    const [replica] = cluster.replicas as [RedisServer];
    const locks = await clients.ready({ ...SHORT, nodes });
    const lease = await locks.acquire(name);
    await master.kill();
    await untilStatus(locks, 0, 'untrusted');
    expect(locks.nodes()[0]!.reason).toMatch(
      new RegExp(`^shard 127.0.0.1:${replica.port}: it (lost its memory|is new)`),
    );
    const fresh = clients.make({ ...SHORT, nodes });
    expect(await outcomeOf(fresh.acquire(name))).toBe('LOCK_NOT_ACQUIRED held');
    await allVote(locks);
    expect(lease.signal.aborted).toBe(false);
    await until(() => has(replica, name));
  });

  it('a waiting process is notified of a release on every shard', async () => {
    await using all = await setUp();
    const { cluster, clients } = all;
    const nodes = [cluster.options];
    const [locks, other] = [await clients.ready({ nodes }), await clients.ready({ nodes })];
    for (const key of KEYS) {
      const lease = await locks.acquire(key);
      const waiting = other.acquire(key, { waitMs: 300_000 });
      const list = async (): Promise<number> =>
        (await cluster.masterOf(`lock:${key}`)).client().zcard(`{lock:${key}}:fence:wait`);
      await until(async () => (await list()) === 1);
      await lease.release();
      await (await waiting).release();
    }
  });
});

describe('the identity of a Cluster', () => {
  it("other servers of a Cluster are the same node, and so is a client's duplicate", async () => {
    await using all = await setUp();
    const { cluster, clients, nodes } = all;
    const seeds = cluster.options.cluster;
    expect(() => clients.make({ nodes: [{ cluster: [...seeds].reverse() }, cluster.options] })).toThrow(
      /nodes\[0\] and nodes\[1\] are the same server/,
    );
    const client = new Cluster([{ host: '127.0.0.1', port: cluster.masters[2]!.port }], {
      lazyConnect: true,
    });
    const locks = clients.make({
      nodes: [...nodes, client, `redis://127.0.0.1:${cluster.masters[2]!.port}/0`],
    });
    // The one that answers first is taken for the Cluster.
    await until(() => locks.nodes().some(({ reason }) => reason?.startsWith('it is the same server as')));
    await until(() => locks.nodes()[4]!.reason?.startsWith('it is a server of a Redis Cluster'));
    const own = await clients.ready({ nodes: [client] });
    expect(await outcomeOf(own.acquire('a'))).toBe('granted');
    expect(client.status).toBe('wait');
    client.disconnect();
  });

  it('clients that name different servers of a Cluster see the same member', async () => {
    await using all = await setUp();
    const { cluster, clients, nodes } = all;
    const one = await clients.ready({ nodes });
    // The members are recorded by now, with the address that the first client knows.
    const recordingMaster = await cluster.masterOf('{3560}');
    expect(slotOf('{3560}')).toBe(0);
    const records = async (): Promise<string> => {
      const markers = (await recordingMaster.client().keys('lock:quorlock:*')).map((key) =>
        recordingMaster.client().hget(key, 'members'),
      );
      return (await Promise.all(markers)).join();
    };
    await until(async () => (await records()).includes('cluster:'));
    const third = { cluster: [{ host: '127.0.0.1', port: cluster.masters[2]!.port }] };
    const other = await clients.ready({ nodes: [third, ...nodes.slice(1)] });
    const lease = await one.acquire('a');
    expect(await outcomeOf(other.acquire('a'))).toBe('LOCK_NOT_ACQUIRED held');
    await lease.release();
    expect(clients.warnings).toEqual([]);
  });

  interface Mapped {
    readonly kind: string;
    readonly node: (
      seed: Address,
      map: Readonly<Record<string, Address>>,
    ) => LockManagerOptions['nodes'][number];
  }

  it.each<Mapped>([
    { kind: 'natMap', node: (seed, natMap) => ({ cluster: [seed], natMap }) },
    {
      kind: 'a function as natMap',
      node: (seed, map) => ({ cluster: [seed], natMap: (address: string) => map[address] }),
    },
    {
      kind: 'the natMap of an ioredis Cluster',
      node: (seed, natMap) => new Cluster([seed], { natMap, lazyConnect: true }),
    },
    {
      kind: 'the nodeAddressMap of node-redis',
      node: (seed, nodeAddressMap) => createCluster({ rootNodes: [{ socket: seed }], nodeAddressMap }),
    },
  ])('its servers are reached by the addresses of $kind alone', async ({ node }) => {
    await using cluster = await RedisCluster.start();
    await using clients = new Clients([]);
    const [first, second, third] = cluster.masters as [RedisServer, RedisServer, RedisServer];
    await using one = await FaultProxy.before(first);
    await using two = await FaultProxy.before(second);
    await using three = await FaultProxy.before(third);
    const behind = [one, two, three];
    const map = Object.fromEntries(
      cluster.masters.map(({ port }, index) => [`127.0.0.1:${port}`, behind[index]!.options]),
    );
    const locks = await clients.ready({ nodes: [node(one.options, map)] });
    const direct = await clients.ready({ nodes: [cluster.options] });
    for (const name of await namesOn(cluster)) {
      await locks.acquire(name);
      expect(await outcomeOf(direct.acquire(name))).toBe('LOCK_NOT_ACQUIRED held');
    }
    for (const proxy of behind) expect(proxy.sent).toContain(ACQUIRE.sha);
  });

  it('the password of a URL is used for all servers of the Cluster', async () => {
    const password = 'a-long-password';
    const args = ['--requirepass', password, '--masterauth', password];
    await using cluster = await RedisCluster.start({ args });
    await using clients = new Clients([]);
    const url = `redis://:${password}@127.0.0.1:${cluster.masters[0]!.port}`;
    const locks = await clients.ready({ nodes: [{ cluster: [url] }] });
    for (const key of KEYS) expect(await outcomeOf(locks.acquire(key))).toBe('granted');
    expect(locks.nodes()[0]!.name).toBe(`cluster:127.0.0.1:${cluster.masters[0]!.port}`);
  });

  it('the computed slot of a key is the slot that the server computes', async () => {
    await using cluster = await RedisCluster.start();
    const client = cluster.masters[0]!.client();
    const odd = [
      '',
      'a',
      'ä€😀',
      '{',
      '{}',
      '{}a}',
      '{}{a}',
      'x{a}y}',
      '{{a}}',
      '}{a',
      'lock:{order:7}:stock',
      '{a',
    ];
    for (const key of [...odd, ...KEYS])
      expect([key, slotOf(key)]).toEqual([key, await client.cluster('KEYSLOT', key)]);
  });

  it.each(['lock:', '', '{}'])(
    'whatever braces a resource has, a Cluster votes on it, with the prefix %j',
    async (keyPrefix) => {
      await using cluster = await RedisCluster.start();
      await using clients = new Clients([]);
      const nodes = [cluster.options];
      const [locks, other] = [
        await clients.ready({ nodes, keyPrefix }),
        await clients.ready({ nodes, keyPrefix }),
      ];
      for (const resource of ['}', '{}', 'a}b', '{}{a}', 'x{}y', '}{', '{a}}']) {
        const lease = await locks.acquire(resource);
        expect(await outcomeOf(other.acquire(resource))).toBe('LOCK_NOT_ACQUIRED held');
        const next = other.acquire(resource, { waitMs: 60_000 });
        await lease.extend();
        await lease.release();
        await (await next).release();
        const tick = Date.now();
        await locks.runOnce({ key: resource, tick }, () => undefined);
        expect(await other.history(resource)).toMatchObject([{ tick, outcome: 'succeeded' }]);
        expect(await other.inspect(resource)).toMatchObject({ lastRun: { tick, state: 'finished' } });
      }
    },
  );

  it('a Cluster is found as soon as one of its configured servers is up', async () => {
    await using all = await setUp();
    const { cluster, clients, nodes } = all;
    const [first, second] = cluster.masters as [RedisServer, RedisServer];
    await Promise.all([first.kill(), second.kill()]);
    const locks = clients.make({ nodes });
    await untilStatus(locks, 0, 'unreachable');
    // The third server is up and serves the slot of this name. It need not have a vote yet.
    await until(async () => /untrusted|granted/.test(await outcomeOf(locks.acquire('a'))));
    await Promise.all([first.start(), second.start()]);
    await until(() => locks.nodes()[0]!.status !== 'unreachable');
  });
});
