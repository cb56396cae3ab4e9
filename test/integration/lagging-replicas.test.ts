import { describe, expect, it } from '@jest/globals';
import type { LockManagerOptions } from '../../src/index.js';
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

/** Only the node and one of the others have the last writes, and then the node loses them. */
async function loseLastWrites({ node, master, replica, promote }: Failover, others: readonly RedisServer[]) {
  const [witness, ignorant] = others as [RedisServer, RedisServer];
  await using clients = new Clients([]);
  const options = { ...SHORT, nodes: [node, ...others.map((server) => server.options)] };
  const locks = await clients.ready(options);
  const tokens: number[] = [];
  const use = async (): Promise<void> => {
    await using lease = await locks.acquire(USED);
    tokens.push(lease.token);
  };
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

describe('a promoted replica that lacks the last writes', () => {
  const expectSafe = ({ tokens, rival, isLost }: Awaited<ReturnType<typeof loseLastWrites>>): void => {
    expect(rival).not.toBe('granted');
    expect(isLost).toBe(false);
    expect(tokens).toEqual([...new Set(tokens)].toSorted((a, b) => a - b));
  };

  it('behind sentinels lets no second holder in, and no token come again', async () => {
    await using redis = await startRedis({ count: 4, tcp: true });
    const [master, replica, ...others] = redis.servers as [RedisServer, RedisServer, ...RedisServer[]];
    await using sentinels = await startSentinels({ master, replica });
    const promote = async (): Promise<unknown> => {
      await master.kill();
      return until(async () => (await sentinels.masterPort()) === replica.port);
    };
    expectSafe(await loseLastWrites({ node: sentinels.options, master, replica, promote }, others));
  });

  it('in a Cluster lets no second holder in, and no token come again', async () => {
    await using cluster = await RedisCluster.start({ replicas: true });
    await using redis = await startRedis({ count: 2 });
    const master = await cluster.masterOf(`lock:${USED}`);
    const replica = cluster.replicas[cluster.masters.indexOf(master)]!;
    const promote = (): Promise<unknown> => replica.client().call('CLUSTER', 'FAILOVER', 'TAKEOVER');
    expectSafe(await loseLastWrites({ node: cluster.options, master, replica, promote }, redis.servers));
  });
});
