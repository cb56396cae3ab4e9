import { describe, expect, it } from '@jest/globals';
import type { LockManager, LockManagerOptions } from '../../src/index.js';
import { allVote, Clients, outcomeOf, SHORT, untilStatus } from '../support/clients.js';
import { RedisCluster } from '../support/redis-cluster.js';
import type { RedisServer } from '../support/redis-server.js';
import { startRedis } from '../support/redis-servers.js';
import { startSentinels } from '../support/sentinels.js';
import { until } from '../support/until.js';

const [HELD, USED] = ['{x}held', '{x}used'] as const;

/** From now on the replica of this server gets nothing more. */
async function cutReplicaOff(master: RedisServer): Promise<void> {
  const admin = master.client();
  await admin.call('ACL', 'SETUSER', 'default', '-psync', '-sync');
  await admin.call('CLIENT', 'KILL', 'TYPE', 'replica');
}

interface Failover {
  readonly node: LockManagerOptions['nodes'][number];
  readonly master: RedisServer;
  /** It takes the place of the master. */
  readonly replica: RedisServer;
  promote(): Promise<unknown>;
}

/** Each use takes the lock once, and adds its token to the list. */
function usesOf(locks: LockManager): { readonly tokens: readonly number[]; use(): Promise<void> } {
  const tokens: number[] = [];
  const use = async (): Promise<void> => {
    await using lease = await locks.acquire(USED);
    tokens.push(lease.token);
  };
  return { tokens, use };
}

const expectToGrow = (tokens: readonly number[]): void =>
  expect(tokens).toEqual([...new Set(tokens)].toSorted((a, b) => a - b));

/** Only the node and one of the others have the last writes, and then the node loses them. */
async function loseLastWrites({ node, master, replica, promote }: Failover, others: readonly RedisServer[]) {
  const [witness, ignorant] = others as [RedisServer, RedisServer];
  await using clients = new Clients([]);
  const options = { ...SHORT, nodes: [node, ...others.map((server) => server.options)] };
  const locks = await clients.ready(options);
  const { tokens, use } = usesOf(locks);
  await use();
  await cutReplicaOff(master);
  ignorant.pause();
  for (let time = 1; time <= 5; time++) await use();
  const lease = await locks.acquire(HELD);
  ignorant.resume();
  expect(await replica.client().dbsize()).toBeLessThan(await master.client().dbsize());
  await promote();
  await untilStatus(locks, 0, 'untrusted');
  // The node has forgotten the lease, and one of the others has never heard of it.
  const rival = await outcomeOf(clients.make(options).acquire(HELD));
  await allVote(locks);
  const isLost = lease.signal.aborted;
  await lease.release();
  witness.pause();
  await until(() => use().then(() => true));
  witness.resume();
  return { tokens, rival, isLost };
}

/** The tokens that a lone node gives, before and after its replica without the last writes is promoted. */
async function tokensOfLone({ node, master, promote }: Failover): Promise<readonly number[]> {
  await using clients = new Clients([]);
  const locks = await clients.ready({ ...SHORT, nodes: [node] });
  const { tokens, use } = usesOf(locks);
  await use();
  await cutReplicaOff(master);
  for (let time = 1; time <= 5; time++) await use();
  await promote();
  for (let time = 1; time <= 3; time++) await until(() => use().then(() => true));
  return tokens;
}

type Play = (failover: Failover, others: readonly RedisServer[]) => Promise<void>;

async function behindSentinels(play: Play): Promise<void> {
  await using redis = await startRedis({ count: 4, tcp: true });
  const [master, replica, ...others] = redis.servers as [RedisServer, RedisServer, ...RedisServer[]];
  await using sentinels = await startSentinels({ master, replica });
  const promote = async (): Promise<unknown> => {
    await master.kill();
    return until(async () => (await sentinels.masterPort()) === replica.port);
  };
  await play({ node: sentinels.options, master, replica, promote }, others);
}

async function inACluster(play: Play): Promise<void> {
  await using cluster = await RedisCluster.start({ replicas: true });
  await using redis = await startRedis({ count: 2 });
  const master = await cluster.masterOf(`lock:${USED}`);
  const replica = cluster.replicas[cluster.masters.indexOf(master)]!;
  const promote = (): Promise<unknown> => replica.client().call('CLUSTER', 'FAILOVER', 'TAKEOVER');
  await play({ node: cluster.options, master, replica, promote }, redis.servers);
}

describe.each<[string, (play: Play) => Promise<void>]>([
  ['behind sentinels', behindSentinels],
  ['in a Cluster', inACluster],
])('a promoted replica that lacks the last writes, %s', (_where, withFailover) => {
  it('lets no second holder in, and no token come again, as one of three nodes', async () => {
    await withFailover(async (failover, others) => {
      const { tokens, rival, isLost } = await loseLastWrites(failover, others);
      expect(rival).not.toBe('granted');
      expect(isLost).toBe(false);
      expectToGrow(tokens);
    });
  });

  it('lets no token come again, as the only node', async () => {
    await withFailover(async (failover) => expectToGrow(await tokensOfLone(failover)));
  });
});

it.each([
  ['as the only node', {}],
  ['as one of three nodes without a quarantine', { restartQuarantine: 'off' as const }],
])('no token comes again from a server that starts with an old snapshot, %s', async (_what, options) => {
  await using redis = await startRedis({ count: 3, args: ['--save', '3600 1'] });
  const servers = redis.servers.slice(0, 'restartQuarantine' in options ? 3 : 1);
  await using clients = new Clients([]);
  const locks = await clients.ready({ ...SHORT, ...options, nodes: servers.map((one) => one.options) });
  const { tokens, use } = usesOf(locks);
  await use();
  for (const server of servers) await server.client().save();
  for (let time = 1; time <= 5; time++) await use();
  for (const server of servers) {
    await server.kill();
    await server.start();
  }
  for (let time = 1; time <= 3; time++) await until(() => use().then(() => true));
  expect(tokens).toHaveLength(9);
  expectToGrow(tokens);
});
