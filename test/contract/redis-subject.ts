import { systemClock } from '../../src/clock.js';
import type { LockNode } from '../../src/node/lock-node.js';
import type { RedisClusterOptions, RedisLike, RedisNodeOptions } from '../../src/node/node-options.js';
import { clusterEndpointOf } from '../../src/node/redis/cluster/cluster-endpoint.js';
import { endpointOf } from '../../src/node/redis/connection/endpoint.js';
import { RedisClusterNode } from '../../src/node/redis/cluster/redis-cluster-node.js';
import { RedisNode, type RedisNodeSettings } from '../../src/node/redis/redis-node.js';
import { until } from '../support/until.js';
import type { Subject } from './subject.js';

type Settings = Partial<RedisNodeSettings>;

const SETTINGS: RedisNodeSettings = {
  keyPrefix: 'lock:',
  driftFactor: 0.01,
  quarantineMs: 0,
  clock: systemClock,
  random: Math.random,
};

/** A Redis node on a server of the test's. */
export function redisNode(source: string | object, settings: Settings = {}): RedisNode {
  const endpoint = endpointOf(source as string | RedisNodeOptions | RedisLike, 'nodes[0]');
  return new RedisNode(endpoint, { ...SETTINGS, ...settings });
}

export const redisSubject = (source: string | object, settings: Settings = {}): Subject =>
  subjectOf(redisNode(source, settings));

/** A node on a Cluster of the test's. */
export const clusterSubject = (source: RedisClusterOptions, settings: Settings = {}): Subject =>
  subjectOf(new RedisClusterNode(clusterEndpointOf(source, 'nodes[0]'), { ...SETTINGS, ...settings }));

const subjectOf = (node: LockNode): Subject => ({
  node,
  now: () => systemClock.now(),
  expire: async (resource) => {
    await until(async () => {
      const [inspected] = await node.inspect([resource]);
      return inspected?.kind === 'inspected' && inspected.owner === undefined;
    });
  },
  end: () => node.close(),
});
