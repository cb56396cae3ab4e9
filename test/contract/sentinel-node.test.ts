import { afterAll, beforeAll } from '@jest/globals';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { startSentinels, type Sentinels } from '../support/sentinels.js';
import { describeContract } from './contract.js';
import { redisNode, redisSubject } from './redis-subject.js';

let redis: RedisServers;
let sentinels: Sentinels;
beforeAll(async () => {
  redis = await startRedis({ count: 2, tcp: true });
  const [master, replica] = redis.servers;
  sentinels = await startSentinels({ master: master!, replica: replica! });
});
afterAll(async () => {
  await sentinels?.stop();
  await redis?.stop();
});

describeContract(
  'a master behind sentinels',
  redisSubject((settings) => redisNode(sentinels.options, settings), {
    forget: async () => {
      await redis.servers[0]!.client().flushall();
    },
  }),
);
