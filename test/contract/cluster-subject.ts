import { systemClock } from '../../src/clock.js';
import type { RedisClusterOptions } from '../../src/node/node-source.js';
import { clusterEndpointOf } from '../../src/node/redis/cluster-source.js';
import { RedisClusterNode } from '../../src/node/redis/redis-cluster-node.js';
import type { RedisNodeSettings } from '../../src/node/redis/redis-node.js';
import { until } from '../support/until.js';
import type { Subject } from './subject.js';

/** A node on a Cluster of the test's. */
const clusterNode = (
  source: RedisClusterOptions,
  settings: Partial<RedisNodeSettings> = {},
): RedisClusterNode =>
  new RedisClusterNode(clusterEndpointOf(source, 'nodes[0]'), {
    keyPrefix: 'lock:',
    driftFactor: 0.01,
    quarantineMs: 0,
    clock: systemClock,
    random: Math.random,
    ...settings,
  });

export function clusterSubject(
  source: RedisClusterOptions,
  settings: Partial<RedisNodeSettings> = {},
): Subject {
  const node = clusterNode(source, settings);
  return {
    node,
    now: () => systemClock.now(),
    expire: async (resource) => {
      await until(async () => {
        const [inspected] = await node.inspect([resource]);
        return inspected?.kind === 'inspected' && inspected.owner === undefined;
      });
    },
    end: () => node.close(),
  };
}
