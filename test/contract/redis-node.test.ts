import { afterAll, beforeAll } from '@jest/globals';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { describeLockNode } from './describe-lock-node.js';
import { redisSubject } from './redis-subject.js';

let redis: RedisServers;
beforeAll(async () => {
  redis = await startRedis({ count: 1 });
});
afterAll(() => redis.stop());

describeLockNode('a Redis node', () => Promise.resolve(redisSubject(redis.servers[0]!.options)));
describeLockNode('a Redis node without a prefix', () =>
  Promise.resolve(redisSubject(redis.servers[0]!.options, { keyPrefix: '' })),
);
