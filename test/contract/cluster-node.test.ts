import { afterAll, beforeAll } from '@jest/globals';
import { RedisCluster } from '../support/redis-cluster.js';
import { clusterSubject } from './redis-subject.js';
import { describeLockNode } from './describe-lock-node.js';

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await RedisCluster.start();
});
afterAll(() => cluster?.stop());

describeLockNode('a Redis Cluster', () => Promise.resolve(clusterSubject(cluster.options)), { tagged: true });
describeLockNode(
  'a Redis Cluster without a prefix',
  () => Promise.resolve(clusterSubject(cluster.options, { keyPrefix: '' })),
  { tagged: true },
);
describeLockNode('a Redis Cluster whose prefix has a hash tag', () =>
  Promise.resolve(clusterSubject(cluster.options, { keyPrefix: '{app}:' })),
);
