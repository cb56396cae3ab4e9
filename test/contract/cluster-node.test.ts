import { afterAll, beforeAll } from '@jest/globals';
import { createCluster } from 'redis';
import { createCluster as createCluster6 } from 'redis6';
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

const rootNodes = () =>
  cluster.masters.map(({ port }) => ({ socket: { host: '127.0.0.1', port, tls: false as const } }));
for (const [version, make] of [
  ['5', () => createCluster({ rootNodes: rootNodes() })],
  ['6', () => createCluster6({ rootNodes: rootNodes() })],
] as const) {
  describeContract(
    `a Redis Cluster from createCluster() of node-redis ${version}`,
    redisSubject((settings) => clusterNode(make(), settings), { hashTag: true, forget }),
  );
}
