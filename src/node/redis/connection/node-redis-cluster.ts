import type { NodeRedisLike, RedisNodeOptions } from '../../node-options.js';
import type { AddressMap } from './address-map.js';
import { CONNECT_TIMEOUT_MS, SILENCE_MS, type Connection, type RetryDelay } from './connection.js';
import { openNodeRedisAt, type NodeRedisOptions } from './node-redis.js';

type Socket = NonNullable<NodeRedisOptions['socket']>;

/** The options of a client of a Cluster, as far as they are read. */
interface ClusterOptions {
  readonly rootNodes?: readonly ({ readonly url?: string } & NodeRedisOptions)[];
  readonly defaults?: NodeRedisOptions;
  readonly nodeAddressMap?: AddressMap;
  readonly RESP?: 2 | 3 | undefined;
}

/** The result of `createCluster()`, and of its `duplicate()`. */
interface Cluster {
  readonly masters: readonly object[];
  duplicate(overrides: object): Cluster;
  connect(): Promise<unknown>;
  nodeClient(master: object): Promise<NodeRedisLike>;
  destroy(): void;
  on(event: 'error', listener: () => void): unknown;
}

/** A Cluster, as the options of its client describe it. */
export interface NodeRedisCluster {
  /** As urls or addresses. */
  readonly servers: readonly unknown[];
  readonly options: RedisNodeOptions;
  readonly natMap: AddressMap | undefined;
  readonly open: (server: RedisNodeOptions, retryDelayMs: RetryDelay) => Connection;
}

/** Reads the result of `createCluster()`. It is neither used nor connected. */
export function nodeRedisClusterOf(source: object): NodeRedisCluster {
  const cluster = source as Cluster;
  const options = optionsOf(cluster);
  const { defaults } = options;
  const model = modelOf(cluster);
  const prefix = defaults?.keyPrefix;
  return {
    servers: (options.rootNodes ?? []).map(({ url, socket }) => url ?? { ...defaults?.socket, ...socket }),
    options: typeof prefix === 'string' ? { keyPrefix: prefix } : {},
    natMap: options.nodeAddressMap,
    open: ({ host, port, username, password, tls }, retryDelayMs) => {
      // A url may have a user, a password and rediss:, of which the defaults say nothing.
      const login = { username: textOf(username), password: textOf(password) };
      const socket: Socket = { ...(tls ? { tls: true } : {}), ...defaults?.socket, host, port };
      const ours = (): NodeRedisOptions => ({
        RESP: options.RESP,
        credentialsProvider: undefined,
        ...login,
        ...defaults,
        socket,
      });
      const make = async (own: object): Promise<unknown> => (await model()).duplicate(own);
      return openNodeRedisAt({ make, options: ours, tls: socket.tls === true }, retryDelayMs);
    },
  };
}

/** Versions 5 and 6 keep them under this name, and tell them in no other way. */
const optionsOf = (cluster: object): ClusterOptions =>
  (Reflect.get(cluster, '_options') as ClusterOptions | undefined) ?? {};

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/**
 * A client of one server, of the same copy of the library: the only way to it leads over a duplicate of the
 * Cluster that was connected once.
 */
function modelOf(cluster: Cluster): () => Promise<NodeRedisLike> {
  let known: NodeRedisLike | undefined;
  return async () => (known ??= await connectedModelOf(cluster));
}

async function connectedModelOf(cluster: Cluster): Promise<NodeRedisLike> {
  const { defaults } = optionsOf(cluster);
  const connectTimeout = defaults?.socket?.connectTimeout ?? CONNECT_TIMEOUT_MS;
  const socket = { ...defaults?.socket, connectTimeout, reconnectStrategy: false };
  const maintNotifications = 'disabled';
  const twin = cluster.duplicate({
    minimizeConnections: true,
    useReplicas: false,
    maintNotifications,
    defaults: { ...defaults, socket, disableOfflineQueue: true, maintNotifications },
  });
  twin.on('error', () => undefined);
  let limit: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new Error('the Cluster did not answer in time');
    limit = setTimeout(() => reject(error), connectTimeout + SILENCE_MS);
  });
  try {
    return await Promise.race([firstClientOf(twin), late]);
  } finally {
    clearTimeout(limit);
    try {
      twin.destroy();
    } catch {
      // It was never open.
    }
  }
}

async function firstClientOf(twin: Cluster): Promise<NodeRedisLike> {
  await twin.connect();
  const [master] = twin.masters;
  if (master === undefined) throw new Error('the Cluster has no master');
  return twin.nodeClient(master);
}
