import { afterAll, beforeAll } from '@jest/globals';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { describeContract } from './contract.js';
import { redisNode, redisSubject } from './redis-subject.js';

let redis: RedisServers;
beforeAll(async () => {
  redis = await startRedis({ count: 1 });
});
afterAll(() => redis.stop());

const forget = async (): Promise<void> => {
  await redis.servers[0]!.client().flushall();
};

describeContract(
  'a Redis node',
  redisSubject((settings) => redisNode(redis.servers[0]!.options, settings), { forget }),
);
describeContract(
  'a Redis node without a prefix',
  redisSubject((settings) => redisNode(redis.servers[0]!.options, { ...settings, keyPrefix: '' }), {
    forget,
  }),
);
