import { systemClock } from '../../src/clock.js';
import { QuarantineTerm } from '../../src/core/quarantine.js';
import type { ContractSubject, LockNode, NodeUnderTest } from '../../src/node/index.js';
import type {
  NodeRedisClusterLike,
  RedisClusterOptions,
  RedisLike,
  RedisNodeOptions,
} from '../../src/node/node-options.js';
import { clusterEndpointOf } from '../../src/node/redis/cluster/cluster-endpoint.js';
import { RedisClusterNode } from '../../src/node/redis/cluster/redis-cluster-node.js';
import { endpointOf } from '../../src/node/redis/connection/endpoint.js';
import { RedisNode, type RedisNodeSettings } from '../../src/node/redis/redis-node.js';
import { until } from '../support/until.js';

type Settings = Partial<Omit<RedisNodeSettings, 'quarantine'>> & { readonly quarantineMs?: number };

const SETTINGS = {
  keyPrefix: 'lock:',
  driftFactor: 0.01,
  isExact: true,
  clock: systemClock,
  random: Math.random,
};

/** Longer than any test. */
const QUARANTINE_MS = 600_000;

const settingsOf = ({ quarantineMs = 0, ...settings }: Settings): RedisNodeSettings => ({
  ...SETTINGS,
  ...settings,
  quarantine: new QuarantineTerm(quarantineMs),
});

/** A Redis node on a server of the test's. */
export function redisNode(source: string | object, settings: Settings = {}): RedisNode {
  const endpoint = endpointOf(source as string | RedisNodeOptions | RedisLike, 'nodes[0]');
  return new RedisNode(endpoint, settingsOf(settings));
}

/** A Redis Cluster of the test's as one node. */
export const clusterNode = (
  source: RedisClusterOptions | NodeRedisClusterLike,
  settings: Settings = {},
): RedisClusterNode => new RedisClusterNode(clusterEndpointOf(source, 'nodes[0]'), settingsOf(settings));

/** What every kind of Redis node is to the contract suite. */
export const redisSubject = (
  make: (settings: Settings) => LockNode,
  more: Partial<ContractSubject> = {},
): ContractSubject => ({
  open: () => trusted(make({ quarantineMs: QUARANTINE_MS })),
  parts: ['memory', 'onRelease', 'withdraw', 'markMisconfigured', 'history'],
  ...more,
});

/** A node that votes, whatever the case before has left on the server. */
async function trusted(node: LockNode): Promise<NodeUnderTest> {
  await until(async () => {
    // Again and again, because the shards of a Cluster become known one after the other.
    if (['new', 'untrusted'].includes(node.state.status)) await node.memory?.trust();
    return node.state.status === 'ready';
  });
  return { node };
}

let made = 0;

/** A resource that no other test uses. */
export const freshResource = (): string => `resource:${process.pid}:${++made}`;
