import { afterAll, beforeAll } from '@jest/globals';
import { SENTINEL_LIBRARIES } from '../support/client-libraries.js';
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

/** Version 5 of node-redis opens them by the same code. */
for (const { name, node } of SENTINEL_LIBRARIES.filter((library) => library.name !== 'node-redis-5')) {
  describeContract(
    `a master behind sentinels, by ${name}`,
    redisSubject((settings) => redisNode(node(sentinels.options), settings), {
      forget: async () => {
        await redis.servers[0]!.client().flushall();
      },
    }),
  );
}
