import { describe, expect, it } from '@jest/globals';
import { Cluster } from 'ioredis';
import { QuorumUnreachableError, type LockManager } from '../../src/index.js';
import { slotOf } from '../../src/node/redis/cluster/key-slot.js';
import { RedisCluster } from '../support/redis-cluster.js';
import type { RedisServer } from '../support/redis-server.js';
import { startRedis } from '../support/redis-servers.js';
import { until } from '../support/until.js';
import { allVote, Clients, outcomeOf, SHORT, untilStatus } from '../support/clients.js';

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f'] as const;

/** Names whose lock keys are on three masters, one each. */
function namesOn(cluster: RedisCluster): Promise<string[]> {
  return Promise.all(
    cluster.masters.map(async (master) => {
      for (let i = 0; ; i++) if ((await cluster.masterOf(`lock:name-${i}`)) === master) return `name-${i}`;
    }),
  );
}

async function world(options: Parameters<typeof RedisCluster.start>[0] = {}) {
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
  it('votes by the shard of each lock, and together for those that have a hash tag in common', async () => {
    await using all = await world();
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

  it('has no vote for several locks without one, which the others can grant, and tells what is missing', async () => {
    await using all = await world();
    const { cluster, clients, nodes } = all;
    const names = await namesOn(cluster);
    // Clients that start at the same time agree that all of it is new.
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

  it('keeps leases when a slot moves under them; the shard that took it over has no vote for one quarantine', async () => {
    await using all = await world();
    const { cluster, clients, nodes } = all;
    const [moving, staying] = await namesOn(cluster);
    const [from, , to] = cluster.masters as [RedisServer, RedisServer, RedisServer];
    const locks = await clients.ready({ ...SHORT, nodes });
    const lease = await locks.acquire(moving!);
    await until(() => has(from, moving!));
    await cluster.moveSlot(`lock:${moving}`, to);
    await untilStatus(locks, 0, 'untrusted');
    expect(locks.nodes()[0]!.reason).toMatch(new RegExp(`^shard 127.0.0.1:${to.port}: .* took slots over`));
    // A client that has only just started does not trust it either, and the shards that took nothing over go on.
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

  it('goes on voting with the other shards when one is gone, which comes back without a vote', async () => {
    await using all = await world();
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
    await gone.start();
    await untilStatus(locks, 0, 'untrusted');
    await allVote(locks);
    expect(leases[1].signal.aborted).toBe(false);
    await until(() => has(gone, lost));
  });

  it('follows a failover: the promoted replica has no vote for one quarantine, and no lock is granted twice', async () => {
    await using all = await world({ replicas: true });
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

  it('tells who waits on whichever shard', async () => {
    await using all = await world();
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

describe('which Cluster it is', () => {
  it("is known by what it serves: another server of it is the same node, and a client's duplicate as well", async () => {
    await using all = await world();
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
    await until(() => locks.nodes()[3]!.reason?.startsWith('it is the same server as'));
    await until(() => locks.nodes()[4]!.reason?.startsWith('it is a server of a Redis Cluster'));
    const own = await clients.ready({ nodes: [client] });
    expect(await outcomeOf(own.acquire('a'))).toBe('granted');
    expect(client.status).toBe('wait');
    client.disconnect();
  });

  it('is the same member for clients that name other servers of it', async () => {
    await using all = await world();
    const { cluster, clients, nodes } = all;
    const one = await clients.ready({ nodes });
    // Its members are on record by now, with the address that the first client knows.
    const speaker = await cluster.masterOf('{3560}');
    expect(slotOf('{3560}')).toBe(0);
    const records = async (): Promise<string> => {
      const markers = (await speaker.client().keys('lock:quorlock:*')).map((key) =>
        speaker.client().hget(key, 'members'),
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

  it('is let into by what a url says, also by the servers that no url names', async () => {
    const password = 'a-long-password';
    const args = ['--requirepass', password, '--masterauth', password];
    await using cluster = await RedisCluster.start({ args });
    await using clients = new Clients([]);
    const url = `redis://:${password}@127.0.0.1:${cluster.masters[0]!.port}`;
    const locks = await clients.ready({ nodes: [{ cluster: [url] }] });
    for (const key of KEYS) expect(await outcomeOf(locks.acquire(key))).toBe('granted');
    expect(locks.nodes()[0]!.name).toBe(`cluster:127.0.0.1:${cluster.masters[0]!.port}`);
  });

  it('and its slots are those that the server says, whatever is in a key', async () => {
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

  it('is found as soon as one of its servers is there', async () => {
    await using all = await world();
    const { cluster, clients, nodes } = all;
    const [first, second] = cluster.masters as [RedisServer, RedisServer];
    await Promise.all([first.kill(), second.kill()]);
    const locks = clients.make({ nodes });
    await untilStatus(locks, 0, 'unreachable');
    // The third is there, and serves the slot of this name; that it does not vote yet is another matter.
    await until(async () => /untrusted|granted/.test(await outcomeOf(locks.acquire('a'))));
    await Promise.all([first.start(), second.start()]);
    await until(() => locks.nodes()[0]!.status !== 'unreachable');
  });
});
