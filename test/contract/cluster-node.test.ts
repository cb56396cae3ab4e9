import { afterAll, beforeAll } from '@jest/globals';
import { RedisCluster } from '../support/redis-cluster.js';
import { describeContract } from './contract.js';
import { clusterNode, redisSubject } from './redis-subject.js';

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await RedisCluster.start();
});
afterAll(() => cluster?.stop());

const forget = async (): Promise<void> => {
  await Promise.all(cluster.masters.map((master) => master.client().flushall()));
};

describeContract(
  'a Redis Cluster',
  redisSubject((settings) => clusterNode(cluster.options, settings), { hashTag: true, forget }),
);
describeContract(
  'a Redis Cluster without a prefix',
  redisSubject((settings) => clusterNode(cluster.options, { ...settings, keyPrefix: '' }), {
    hashTag: true,
    forget,
  }),
);
describeContract(
  'a Redis Cluster whose prefix has a hash tag',
  redisSubject((settings) => clusterNode(cluster.options, { ...settings, keyPrefix: '{app}:' }), { forget }),
);
