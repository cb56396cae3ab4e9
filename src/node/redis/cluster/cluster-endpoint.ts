import type {
  NodeRedisClusterLike,
  RedisClusterOptions,
  RedisLike,
  RedisNodeOptions,
} from '../../node-options.js';
import { reachable, type AddressMap } from '../connection/address-map.js';
import { withLiveCredentials } from '../connection/credentials.js';
import { isNodeRedisCluster } from '../connection/client-library.js';
import { checkNodeName, endpointOf, optionsOfUrl, type Endpoint } from '../connection/endpoint.js';
import { nodeRedisClusterOf } from '../connection/node-redis-cluster.js';

/** The addresses of a Cluster, and what is known of it before the first connection. */
export interface ClusterEndpoint {
  readonly name: string;
  readonly address: string;
  readonly clientPrefix: string;
  /** The servers that the user named. The others are learnt from these. */
  readonly seeds: readonly Endpoint[];
  /** The server at an address as the Cluster calls it. */
  readonly serverAt: (host: string, port: number) => Endpoint;
}

/** The part of an ioredis Cluster that is read. The client is neither used, reconfigured nor closed. */
interface ClusterLike extends RedisLike {
  readonly startupNodes?: readonly unknown[];
  readonly options: {
    readonly redisOptions?: RedisNodeOptions;
    readonly keyPrefix?: unknown;
    readonly natMap?: AddressMap | null;
  };
}

/** What a server of the Cluster is, by its options. */
type EndpointAt = (options: RedisNodeOptions, where: string) => Endpoint;

export const isClusterClient = (source: object): source is ClusterLike =>
  (source as { isCluster?: unknown }).isCluster === true;

/** A client has a method `cluster`, for the command. */
export const isClusterOptions = (source: object): source is RedisClusterOptions =>
  'cluster' in source && typeof source.cluster !== 'function';

/**
 * Reads options with `cluster`, an ioredis Cluster, or the result of `createCluster()` of node-redis. `where`
 * names the entry in errors, which never show what it contains.
 */
export function clusterEndpointOf(
  source: RedisClusterOptions | ClusterLike | NodeRedisClusterLike,
  where: string,
): ClusterEndpoint {
  if (isNodeRedisCluster(source)) {
    const { servers, options, natMap, open } = nodeRedisClusterOf(source);
    return endpointOfServers(servers, options, natMap, where, (server) => ({
      ...endpointOf(server, where),
      open: (retryDelayMs) => open(server, retryDelayMs),
    }));
  }
  if (isClusterClient(source)) {
    const { redisOptions = {}, keyPrefix, natMap } = source.options;
    const prefix = typeof keyPrefix === 'string' ? { keyPrefix } : {};
    const options = { ...withLiveCredentials(redisOptions), ...prefix };
    return endpointOfServers(source.startupNodes ?? [], options, natMap, where);
  }
  const { cluster, name, natMap, ...options } = source;
  for (const other of ['host', 'port', 'path', 'sentinels'] as const) {
    if (options[other] !== undefined)
      throw new TypeError(
        `${where}: cluster and ${other} exclude each other: its servers are those in cluster`,
      );
  }
  checkNodeName(name, where);
  const endpoint = endpointOfServers(cluster, options, natMap as AddressMap | undefined, where);
  return name === undefined ? endpoint : { ...endpoint, name };
}

function endpointOfServers(
  servers: unknown,
  options: RedisNodeOptions,
  natMap: AddressMap | null | undefined,
  where: string,
  endpointAt: EndpointAt = endpointOf,
): ClusterEndpoint {
  if (!Array.isArray(servers) || servers.length === 0) {
    throw new TypeError(`${where}: cluster must be a list of urls or { host, port }, at least one`);
  }
  const { durable, db = 0, ...rest } = options;
  if (durable === true) {
    throw new RangeError(`${where}: durable must not be true of a Cluster: a failover loses the last writes`);
  }
  if (db !== 0) throw new RangeError(`${where}: db must be 0: a Cluster has no other`);
  const named = servers.map((entry: unknown) => serverOf(entry, where));
  // A url may contain user and password. The servers that are learnt have no url, so they get those of the
  // first one.
  const { username, password, tls } = named[0]!;
  const common = { ...defined({ username, password, tls }), ...defined(rest) };
  const server = (own: object): Endpoint => ({
    ...endpointAt({ ...common, ...own }, where),
    failsOver: true,
  });
  const seeds = named.map(server);
  // Sorted, because addresses are compared and clients may list the servers in any order.
  const at = seeds.map(({ address }) => address).sort();
  return {
    name: `cluster:${at[0]!}`,
    address: `cluster:${at.join(',')}`,
    clientPrefix: seeds[0]!.clientPrefix,
    seeds,
    serverAt: (host, port) => server(reachable({ host, port }, natMap)),
  };
}

/** One of the servers. Like ioredis, takes a port for a server on this machine. */
function serverOf(entry: unknown, where: string): RedisNodeOptions {
  if (typeof entry === 'number') return { host: '127.0.0.1', port: entry };
  if (typeof entry === 'object' && entry !== null) {
    const { host, port, username, password, tls } = entry as RedisNodeOptions;
    return defined({ host, port, username, password, tls });
  }
  if (typeof entry !== 'string' || entry.startsWith('/')) {
    throw new TypeError(`${where}: each server in cluster must be a url or { host, port }`);
  }
  return optionsOfUrl(entry, where);
}

const defined = (options: object): RedisNodeOptions =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined && value !== null));
