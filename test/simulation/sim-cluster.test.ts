import { describe, expect, it } from '@jest/globals';
import { QuarantineTerm } from '../../src/core/quarantine.js';
import { slotOf } from '../../src/node/redis/protocol/key-slot.js';
import { RedisClusterNode } from '../../src/node/redis/cluster/redis-cluster-node.js';
import { Link } from './network.js';
import { Rng } from './rng.js';
import { SimCluster } from './sim-cluster.js';
import { simClusterEndpoint } from './sim-connection.js';
import { SimProcess } from './sim-process.js';
import { SimServer, type Command, type Peer } from './sim-server.js';
import { Timeline } from './timeline.js';

const LATENCY = { leastMs: 1, meanJitterMs: 0, resendChance: 0 };
const QUARANTINE_MS = 600;
const HEARD_MS = 100;
/** In this time a client reads the topology, and a quarantine ends. */
const SETTLED_MS = 12_000;
/** In a slot of the first master. */
const FIRST = 'd';

function clusterOf(masters: number) {
  const [timeline, rng] = [new Timeline(), new Rng(1)];
  const names = Array.from({ length: masters }, (_, at) => [`${at}a`, `${at}b`]).flat();
  const servers = names.map((name) => new SimServer(name, timeline, 1, 0, undefined, () => undefined));
  const cluster = new SimCluster('c', servers, timeline, rng, HEARD_MS);
  const [master, , other] = servers as [SimServer, SimServer, SimServer];
  let until = 0;
  const run = (forMs: number): Promise<void> => timeline.run((until += forMs));
  const keys = [`lock:${FIRST}`, `{lock:${FIRST}}:fence`];
  /** What a server answers to a look at a resource of the first master. */
  const askedAt = (server: SimServer): unknown => {
    let reply: unknown;
    const peer: Peer = {
      answer: (told) => (reply = told),
      push: () => undefined,
      isGone: false,
      hangUp: () => undefined,
    };
    const command: Command = { name: 'eval', verb: 'history', keys, args: ['marker'] };
    server.connect(peer);
    server.receive(peer, command);
    return reply instanceof Error ? reply.message.replace(/ .*/, '') : 'answer';
  };
  return { cluster, timeline, rng, master, other, servers, run, keys, askedAt, slot: slotOf(keys[0]!) };
}

/** The same with a client, which reads the topology from the first master. */
async function clientOf(masters: number) {
  const world = clusterOf(masters);
  const { cluster, timeline, rng, run } = world;
  const clock = new SimProcess(timeline, rng.fork(), 1, 0);
  const links = cluster.servers.map(() => new Link(timeline, rng.fork(), LATENCY));
  const node = new RedisClusterNode(simClusterEndpoint(clock, cluster, links, false), {
    keyPrefix: 'lock:',
    driftFactor: 0.01,
    quarantine: new QuarantineTerm(QUARANTINE_MS),
    isExact: true,
    clock,
    random: rng.next,
  });
  await run(1_000);
  const trust = async (): Promise<void> => {
    const trusted = node.memory.trust();
    await run(1_000);
    await trusted;
  };
  const isSeen = async (): Promise<boolean> => {
    const answer = node.inspect([FIRST]);
    await run(500);
    return (await answer)[0]!.kind !== 'failed';
  };
  return { ...world, clock, node, trust, isSeen };
}

describe('a simulated Cluster', () => {
  it('a server turns away what another one serves, and asks for patience while keys move', () => {
    const { cluster, master, other, keys, askedAt, slot } = clusterOf(2);
    expect([askedAt(master), askedAt(other)]).toEqual(['answer', 'MOVED']);
    for (const key of keys) master.keyspace.set(key, '1', 60_000);
    cluster.move(slot, other, 10, () => undefined);
    expect(cluster.storeOf(keys[0]!)).toBe(master);
  });

  it('keys move one after the other, with the life that they have left', async () => {
    const { cluster, master, other, keys, askedAt, slot, run } = clusterOf(2);
    for (const key of keys) master.keyspace.set(key, '1', 60_000);
    const answers = new Set<unknown>();
    let isOver = false;
    cluster.move(slot, other, 10, () => (isOver = true));
    for (let at = 0; at < 1_000 && !isOver; at++) {
      answers.add(askedAt(master));
      await run(1);
    }
    expect([...answers]).toEqual(['answer', 'TRYAGAIN', 'ASK']);
    expect(askedAt(other)).toBe('answer');
    expect(cluster.storeOf(keys[0]!)).toBe(other);
    expect(other.keyspace.pttl(keys[0]!)).toBeCloseTo(60_000, -3);
    await run(HEARD_MS);
    expect(askedAt(master)).toBe('MOVED');
  });

  it('a promoted replica lacks the last keys, and the old master throws its own away', async () => {
    const { cluster, master, servers, askedAt, run } = clusterOf(2);
    master.keyspace.set('lock:d', 'early', 60_000);
    await run(1_000);
    master.keyspace.set('lock:d', 'late', 60_000);
    expect(cluster.promote(master, false)).toBe(true);
    expect(servers[1]!.keyspace.get('lock:d')).toBe('early');
    await run(HEARD_MS);
    expect(master.keyspace.get('lock:d')).toBe('early');
    expect([askedAt(master), askedAt(servers[1]!)]).toEqual(['MOVED', 'answer']);
  });

  it('a master that is cut off answers for a while, by what it knew', async () => {
    const { cluster, master, askedAt, run } = clusterOf(2);
    cluster.cutOff(master, 50);
    cluster.promote(master, false);
    await run(40);
    expect(askedAt(master)).toBe('answer');
    await run(HEARD_MS);
    expect(askedAt(master)).toBe('CLUSTERDOWN');
    cluster.reconnect(master);
    expect(askedAt(master)).toBe('MOVED');
  });
});

describe('a client of a simulated Cluster', () => {
  it('a shard that was promoted has no vote for one quarantine, and the others have theirs', async () => {
    const { cluster, master, node, trust, run } = await clientOf(2);
    await trust();
    expect(node.state.status).toBe('ready');
    cluster.promote(master, true);
    const seen = new Set<string>();
    for (let at = 0; at < SETTLED_MS; at += 100) {
      seen.add(node.state.status);
      await run(100);
    }
    expect([...seen]).toContain('untrusted');
    expect(node.state.status).toBe('ready');
    await node.close();
  });

  it('a client that reads the topology from a master that is cut off learns of its successor', async () => {
    const { cluster, master, node, trust, isSeen, run } = await clientOf(2);
    await trust();
    expect(await isSeen()).toBe(true);
    cluster.cutOff(master, 0);
    cluster.promote(master, false);
    await run(1);
    // The first look is what shows it.
    expect(await isSeen()).toBe(false);
    await run(SETTLED_MS);
    expect(await isSeen()).toBe(true);
    await node.close();
  });

  it('a Cluster that is closed before its first use leaves no timer behind', async () => {
    const { clock, node, run } = await clientOf(2);
    expect(node.state.status).toBe('new');
    await node.close();
    await run(100);
    expect(clock.timers).toBe(0);
  });
});
