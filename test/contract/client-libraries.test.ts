import { afterAll, beforeAll } from '@jest/globals';
import { CLIENT_LIBRARIES, GLIDE } from '../support/client-libraries.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { describeContract } from './contract.js';
import { redisNode, redisSubject } from './redis-subject.js';

/** The suite over a client of each library; that of a url is in redis-node.test.ts. */
let redis: RedisServers;
beforeAll(async () => {
  redis = await startRedis({ count: 1, tcp: true });
});
afterAll(() => redis.stop());

const forget = async (): Promise<void> => {
  await redis.servers[0]!.client().flushall();
};

for (const { name, node } of [...CLIENT_LIBRARIES, ...GLIDE]) {
  describeContract(
    `a Redis node from a client of ${name}`,
    redisSubject((settings) => redisNode(node(redis.servers[0]!.options), settings), { forget }),
  );
}
