import { describe, expect, it } from '@jest/globals';
import { systemClock } from '../../../../src/clock.js';
import type { LockNode } from '../../../../src/node/lock-node.js';
import { clusterNode } from '../../../contract/redis-subject.js';
import { RedisCluster } from '../../../support/redis-cluster.js';
import type { RedisServer } from '../../../support/redis-server.js';
import { startRedis } from '../../../support/redis-servers.js';
import { until } from '../../../support/until.js';
import {
  allVote,
  Clients,
  forget,
  NOT_GRANTED,
  outcomeOf,
  R,
  SHORT,
  untilStatus,
} from '../../../support/clients.js';

const KEY = `lock:${R}`;

async function world() {
  const [cluster, redis] = await Promise.all([RedisCluster.start(), startRedis({ count: 2 })]);
  const nodes = [cluster.options, ...redis.servers.map((server) => server.options)];
  const home = await cluster.masterOf(KEY);
  const clients = new Clients([]);
  return {
    cluster,
    clients,
    nodes,
    spare: redis.servers[1]!,
    home,
    others: cluster.masters.filter((master) => master !== home) as [RedisServer, RedisServer],
    [Symbol.asyncDispose]: async () => {
      await clients[Symbol.asyncDispose]();
      await Promise.all([cluster.stop(), redis.stop()]);
    },
  };
}

const open = <Node extends LockNode>(node: Node) => ({
  node,
  [Symbol.asyncDispose]: () => node.close(),
});

describe('a shard of a Cluster that does not know a lock', () => {
  it('a shard that got a slot without its keys has no vote for any client', async () => {
    await using all = await world();
    const { cluster, clients, nodes, home } = all;
    const [heir] = all.others;
    const [holder, witness] = [await clients.ready({ nodes }), await clients.ready({ nodes })];
    const lease = await holder.acquire(R);
    // The lock is still on a majority: on the Cluster and on one of the other nodes.
    await forget(all.spare);
    const slot = String(await home.client().cluster('KEYSLOT', KEY));
    await home.kill();
    await heir.client().call('CLUSTER', 'SETSLOT', slot, 'NODE', await cluster.idOf(heir));
    await until(async () => (await cluster.masterOf(KEY)) === heir);
    await until(() => witness.nodes()[0]!.reason?.includes('took slots over'));
    expect(await outcomeOf(witness.acquire(R))).toMatch(NOT_GRANTED);
    expect(await outcomeOf(clients.make({ nodes }).acquire(R))).toMatch(NOT_GRANTED);
    expect(lease.signal.aborted).toBe(false);
    // Without the quarantine, the list of nodes still refuses: a client that has just started does not know
    // the record of a Cluster with a shard that is gone, and the emptied node has none.
    const trusting = clients.make({ nodes, restartQuarantine: 'off' });
    expect(await outcomeOf(trusting.acquire(R))).toMatch(NOT_GRANTED);
    expect(lease.signal.aborted).toBe(false);
  });

  it('a shard that was emptied has no vote, while the other shards vote', async () => {
    await using all = await world();
    const { clients, nodes, home } = all;
    const [holder, witness] = [await clients.ready({ nodes }), await clients.ready({ nodes })];
    const lease = await holder.acquire(R);
    await forget(all.spare);
    await home.client().flushall();
    expect(await outcomeOf(witness.acquire(R))).toMatch(NOT_GRANTED);
    await untilStatus(witness, 0, 'untrusted');
    expect(await outcomeOf(clients.make({ nodes }).acquire(R))).toMatch(NOT_GRANTED);
    expect(lease.signal.aborted).toBe(false);
    await witness.trustNode(witness.nodes()[0]!.name);
    await allVote(witness);
  });
});

describe('the markers that shards had', () => {
  it('the markers of shards that changed are removed after a minute, and not those in use', async () => {
    await using all = await world();
    const { cluster } = all;
    let laterMs = 0;
    const now = (): number => systemClock.now() + laterMs;
    const clock = {
      ...systemClock,
      now,
      stamp: () => ({ monotonicMs: now(), wallMs: Date.now() + laterMs }),
    };
    await using opened = open(clusterNode(cluster.options, { clock, quarantineMs: 600_000 }));
    const { node } = opened;
    const markers = async (): Promise<string[]> =>
      (await Promise.all(cluster.masters.map((master) => master.client().keys('*:node')))).flat().sort();
    await until(async () => {
      if (['new', 'untrusted'].includes(node.state.status)) await node.memory.trust();
      return node.state.status === 'ready';
    });
    const first = await markers();
    expect(first).toHaveLength(3);
    await cluster.moveSlot(KEY, all.others[0]);
    await until(async () => (await markers()).length >= 5);
    laterMs = 61_000;
    await until(async () => (await markers()).length === 3);
    const kept = (await markers()).filter((marker) => first.includes(marker));
    // Of the shard that neither gave nor took a slot.
    expect(kept).toHaveLength(1);
  });
});

describe('a slot that goes to another shard and comes back', () => {
  it('a slot that comes back costs the shard its vote: it may have come back without its keys', async () => {
    await using all = await world();
    const { cluster, clients, nodes, home } = all;
    const [away, third] = all.others;
    const locks = await clients.ready({ ...SHORT, nodes });
    await cluster.moveSlot(KEY, away);
    await cluster.moveSlot(KEY, home);
    await until(() => locks.nodes()[0]!.reason?.startsWith(`shard 127.0.0.1:${home.port}: `));
    await allVote(locks);
    // A shard that only gave slots away goes on voting: it has always had the slots that are left.
    const reasons: (string | undefined)[] = [];
    locks.subscribe((event) => void (event.type === 'node' && reasons.push(event.node.reason)));
    await cluster.moveSlot(KEY, third);
    await untilStatus(locks, 0, 'untrusted');
    await allVote(locks);
    expect(reasons.filter((reason) => reason?.includes(`:${home.port}: `))).toEqual([]);
  });
});
