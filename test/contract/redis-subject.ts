import { systemClock } from '../../src/clock.js';
import type { RedisNodeOptions, RedisLike } from '../../src/node/node-source.js';
import { endpointOf } from '../../src/node/redis/connection.js';
import { RedisNode, type RedisNodeSettings } from '../../src/node/redis/redis-node.js';
import { until } from '../support/until.js';
import type { Subject } from './subject.js';

/** A Redis node on a server of the test's. */
export function redisNode(source: string | object, settings: Partial<RedisNodeSettings> = {}): RedisNode {
  const endpoint = endpointOf(source as string | RedisNodeOptions | RedisLike, 'nodes[0]');
  return new RedisNode(endpoint, {
    keyPrefix: 'lock:',
    driftFactor: 0.01,
    quarantineMs: 0,
    clock: systemClock,
    random: Math.random,
    ...settings,
  });
}

export function redisSubject(source: string | object, settings: Partial<RedisNodeSettings> = {}): Subject {
  const node = redisNode(source, settings);
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
