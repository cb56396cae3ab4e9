import type { RedisClusterOptions, RedisLike, RedisNodeOptions } from '../../node-options.js';
import { endpointOf, optionsOfUrl, type Endpoint } from '../connection/endpoint.js';

/** A Cluster to be connected to, and what is known before it is. */
export interface ClusterEndpoint {
  readonly name: string;
  readonly address: string;
  readonly clientPrefix: string;
  /** The servers that were named, from which the others are learnt. */
  readonly seeds: readonly Endpoint[];
  /** A server as the Cluster calls it. */
  readonly serverAt: (host: string, port: number) => Endpoint;
}

interface Address {
  readonly host: string;
  readonly port: number;
}
type NatMap = Readonly<Record<string, Address>> | ((address: string) => Address | null | undefined);

/** The part of an ioredis Cluster that is read; it is neither used, reconfigured nor closed. */
interface ClusterLike extends RedisLike {
  readonly startupNodes?: readonly unknown[];
  readonly options: {
    readonly redisOptions?: RedisNodeOptions;
    readonly keyPrefix?: unknown;
    readonly natMap?: NatMap | null;
  };
}

export const isClusterClient = (source: object): source is ClusterLike =>
  (source as { isCluster?: unknown }).isCluster === true;

/** A client has a method of that name, for the command. */
export const isClusterOptions = (source: object): source is RedisClusterOptions =>
  'cluster' in source && typeof source.cluster !== 'function';

/** Reads options with `cluster`, or an ioredis Cluster. `where` names the entry in errors, which never show what it contains. */
export function clusterEndpointOf(source: RedisClusterOptions | ClusterLike, where: string): ClusterEndpoint {
  if (isClusterClient(source)) {
    const { redisOptions = {}, keyPrefix, natMap } = source.options;
    const prefix = typeof keyPrefix === 'string' ? { keyPrefix } : {};
    return endpointOfServers(source.startupNodes ?? [], { ...redisOptions, ...prefix }, natMap, where);
  }
  const { cluster, name, natMap, ...options } = source;
  for (const other of ['host', 'port', 'path', 'sentinels'] as const) {
    if (options[other] !== undefined)
      throw new TypeError(
        `${where}: cluster and ${other} exclude each other: its servers are those in cluster`,
      );
  }
  // A name is checked where all names are.
  if (name !== undefined) endpointOf({ name }, where);
  const endpoint = endpointOfServers(cluster, options, natMap as NatMap | undefined, where);
  return name === undefined ? endpoint : { ...endpoint, name };
}

function endpointOfServers(
  servers: unknown,
  options: RedisNodeOptions,
  natMap: NatMap | null | undefined,
  where: string,
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
  // A url may have what is needed to be let in, and the servers that are learnt of have none.
  const { username, password, tls } = named[0]!;
  const common = { ...defined({ username, password, tls }), ...rest };
  const server = (own: object): Endpoint => ({
    ...endpointOf({ ...common, ...own }, where),
    failsOver: true,
  });
  const seeds = named.map(server);
  // In one order, whatever the order in which a client names them: they are what its address is compared by.
  const at = seeds.map(({ address }) => address).sort();
  return {
    name: `cluster:${at[0]!}`,
    address: `cluster:${at.join(',')}`,
    clientPrefix: seeds[0]!.clientPrefix,
    seeds,
    serverAt: (host, port) => server(reachable({ host, port }, natMap)),
  };
}

/** One of the servers: ioredis takes a port for one on this machine, too. */
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

function reachable(address: Address, natMap: NatMap | null | undefined): Address {
  const key = `${address.host}:${address.port}`;
  const mapped = typeof natMap === 'function' ? natMap(key) : natMap?.[key];
  return mapped ?? address;
}
