import type { NodePlan, NodeSettings, RedisLike, RedisNodeOptions } from '../node-options.js';
import { clusterEndpointOf, isClusterClient, isClusterOptions } from './cluster/cluster-endpoint.js';
import { RedisClusterNode } from './cluster/redis-cluster-node.js';
import { endpointOf } from './connection/endpoint.js';
import { RequestEncoder } from './protocol/requests.js';
import { RedisNode, type RedisNodeSettings } from './redis-node.js';
import { isNodeRedisCluster, refuseOtherClients } from './connection/client-library.js';

/**
 * Reads a url, options or a client of a Redis server, of a master behind sentinels, or of a Redis Cluster.
 * Throws a TypeError for a client of a library that is not supported.
 */
export function readRedis(source: unknown, where: string): NodePlan | undefined {
  if (typeof source !== 'string' && !isObject(source)) return undefined;
  if (typeof source === 'object') refuseOtherClients(source, where);
  if (
    typeof source === 'object' &&
    (isNodeRedisCluster(source) || isClusterClient(source) || isClusterOptions(source))
  ) {
    const cluster = clusterEndpointOf(source, where);
    return planOf(cluster, (settings) => new RedisClusterNode(cluster, withEncoder(settings)));
  }
  const endpoint = endpointOf(source, where);
  return planOf(endpoint, (settings) => new RedisNode(endpoint, withEncoder(settings)));
}

const isObject = (source: unknown): source is RedisNodeOptions | RedisLike =>
  typeof source === 'object' && source !== null && !Array.isArray(source);

const planOf = (
  { name, address }: { readonly name: string; readonly address: string },
  open: NodePlan['open'],
): NodePlan => ({ name, address, identity: address, open });

/** The encoder of each manager, by its settings: all its nodes are given the same object. */
const encoders = new WeakMap<NodeSettings, RequestEncoder>();

function withEncoder(settings: NodeSettings): RedisNodeSettings {
  let encoder = encoders.get(settings);
  if (encoder === undefined) encoders.set(settings, (encoder = new RequestEncoder(settings.fenceTtlMs)));
  return { ...settings, encoder };
}
