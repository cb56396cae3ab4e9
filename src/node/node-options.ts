import type { Clock } from '../clock.js';
import type { QuarantineTerm } from '../core/quarantine.js';
import type { LockNode } from './lock-node.js';

/**
 * The part of a client of ioredis or iovalkey that a node needs. It is described by its shape and not by its
 * class, because a second copy of the library in the dependency tree has another class. The client is
 * duplicated; it is neither used, reconfigured nor closed.
 */
export interface RedisLike {
  readonly options: object;
  duplicate(override?: object): unknown;
}

/**
 * The part of a client of node-redis 5 or 6 (`createClient()`) that a node needs, by its shape as above. It
 * need not be connected: its duplicates are.
 */
export interface NodeRedisLike {
  readonly isOpen: boolean;
  readonly options?: object | undefined;
  duplicate(override?: object): unknown;
  destroy(): unknown;
}

/** The part of the result of `createCluster()` of node-redis 5 or 6 that a node needs. */
export interface NodeRedisClusterLike {
  readonly isOpen: boolean;
  readonly masters: readonly unknown[];
  duplicate(override?: object): unknown;
  destroy(): unknown;
}

/**
 * A master behind sentinels, by node-redis 5 or 6: its `createClient`, and the options of `createSentinel()`.
 * The result of `createSentinel()` itself keeps its options to itself, so no connection can be made from it.
 */
export interface NodeRedisSentinelOptions {
  /** That of the package `redis`. It makes the connections to the sentinels and to the master. */
  readonly createClient: (options: never) => NodeRedisLike;
  /** Those that are not named here go to no connection. */
  readonly sentinel: NodeRedisSentinelPlace;
}

/** The options of `createSentinel()` that a node needs. User and password are read at each connection. */
export interface NodeRedisSentinelPlace {
  /** The group of the master. */
  readonly name: string;
  readonly sentinelRootNodes: readonly { readonly host: string; readonly port: number }[];
  /** For the connections to the master: user and password, `database`, TLS. */
  readonly nodeClientOptions?: object | undefined;
  /** For the connections to the sentinels. */
  readonly sentinelClientOptions?: object | undefined;
  readonly nodeAddressMap?: object | ((address: string) => object | undefined) | undefined;
  readonly RESP?: 2 | 3 | undefined;
  // These mean nothing here. They are allowed, so that the same options can be given to both.
  readonly masterPoolSize?: unknown;
  readonly replicaPoolSize?: unknown;
  readonly reserveClient?: unknown;
  readonly scanInterval?: unknown;
  readonly maxCommandRediscovers?: unknown;
  readonly passthroughClientErrorEvents?: unknown;
  readonly commandOptions?: unknown;
  readonly clientSideCache?: unknown;
  readonly modules?: unknown;
  readonly functions?: unknown;
  readonly scripts?: unknown;
}

/**
 * A server by Valkey GLIDE 2: a function that makes a client, as GLIDE has no duplicate of one. It is called
 * for each connection, and has ten seconds.
 */
export interface GlideNodeOptions {
  /** `() => GlideClient.createClient({ addresses: [{ host, port }], requestTimeout: 2_000 })` */
  readonly glide: () => unknown;
  /** Where the server is, in the same words for all workers. It names the node. */
  readonly host: string;
  /** @default 6379 */
  readonly port?: number | undefined;
  /** The node's name in metrics, logs and errors, instead of its address. */
  readonly name?: string | undefined;
  /** Comes before quorlock's own. */
  readonly keyPrefix?: string | undefined;
}

/**
 * A user or a password: text, or a function that is called before each connection, so that a rotated password
 * or a new token is used. It may be async, and has ten seconds. If it fails, the node is unreachable, with
 * the error as the reason, and it is called again. Returns `undefined` for none.
 */
export type Credential = string | (() => string | undefined | Promise<string | undefined>);

/** Where a Redis server is. These are the most used options of ioredis; all others are passed on to it. */
export interface RedisNodeOptions {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** The path of a unix socket, instead of host and port. */
  readonly path?: string | undefined;
  readonly username?: Credential | undefined;
  readonly password?: Credential | undefined;
  readonly db?: number | undefined;
  readonly tls?: object | undefined;
  /**
   * The sentinels of a master, instead of a server. The node is the server that they name as the master at
   * the time. A failover costs it its vote for one quarantine, because the new master may lack the last
   * locks.
   */
  readonly sentinels?: readonly object[] | null | undefined;
  /**
   * The node's name in metrics, logs and errors, instead of its address. With sentinels it is the group that
   * they watch, as in ioredis, and the node is named after the group and the first sentinel:
   * `mymaster@10.0.0.1:26379`.
   */
  readonly name?: string | undefined;
  /**
   * The operator's word that this server keeps every write through a crash (appendonly with appendfsync
   * always). Then a restart does not cost it its vote.
   * @default false
   */
  readonly durable?: boolean | undefined;
  readonly connectTimeout?: number | undefined;
  readonly [option: string]: unknown;
}

/**
 * A Redis Cluster as one node: each lock has the vote of the shard that serves its slot. Several resources
 * that are locked together need a common hash tag there. All other options of ioredis hold for the connection
 * to each server.
 */
export interface RedisClusterOptions {
  /** Some of its servers, as urls or `{ host, port }`. The others are learnt from these. */
  readonly cluster: readonly (
    string | { readonly host?: string | undefined; readonly port?: number | undefined }
  )[];
  readonly username?: Credential | undefined;
  readonly password?: Credential | undefined;
  readonly tls?: object | undefined;
  /** The node's name in metrics, logs and errors, instead of that of its first server. */
  readonly name?: string | undefined;
  /** How its servers are reached from here, if they call themselves by other addresses; as in ioredis. */
  readonly natMap?:
    object | ((address: string) => { host: string; port: number } | null | undefined) | undefined;
  readonly connectTimeout?: number | undefined;
  readonly [option: string]: unknown;
}

/**
 * The part of a client of `pg` that a node uses. It is described by its shape and not by its class, because a
 * second copy of `pg` in the dependency tree has another class.
 */
export interface PostgresClientLike {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly unknown[] }>;
  on(event: 'error' | 'notification', listener: (message: never) => void): unknown;
  removeListener(event: 'error' | 'notification', listener: (message: never) => void): unknown;
  /** `true`: the connection is closed, and does not go back to the pool. */
  release(destroy?: boolean): void;
}

/**
 * The part of a pool of `pg` that a node uses: it takes one connection for each batch of votes, and keeps one
 * while somebody waits for a lock. The pool is neither reconfigured nor ended.
 */
export interface PostgresPoolLike {
  connect(): Promise<PostgresClientLike>;
}

/** A PostgreSQL database as a node. It keeps its locks in tables of a schema of its own. */
export interface PostgresNodeOptions {
  /**
   * A pool of `pg`; or a connection string or the options of such a pool, for which the package `pg` must be
   * installed. Then the node has a pool of its own, of two connections.
   */
  readonly postgres: PostgresPoolLike | string | object;
  /**
   * The schema of the tables. A name of letters, digits and `_`.
   * @default 'quorlock'
   */
  readonly schema?: string | undefined;
  /**
   * Makes the tables where they are missing or of an older version. The role must be allowed to; otherwise
   * run `postgresMigration()` by hand.
   * @default false
   */
  readonly migrate?: boolean | undefined;
  /** The node's name in metrics, logs and errors, instead of its address. */
  readonly name?: string | undefined;
  /**
   * The operator's word that a promoted standby has every commit (synchronous replication), and that no
   * backup is restored while locks are in use. Then neither costs the node its vote.
   * @default false
   */
  readonly durable?: boolean | undefined;
}

/** What a node can be made from. */
export type NodeSource =
  | string
  | RedisNodeOptions
  | RedisClusterOptions
  | RedisLike
  | NodeRedisLike
  | NodeRedisClusterLike
  | NodeRedisSentinelOptions
  | GlideNodeOptions
  | PostgresNodeOptions
  | LockNode;

/**
 * What the manager tells every node that it opens. One object for all its nodes, so that they can share by
 * it.
 */
export interface NodeSettings {
  readonly keyPrefix: string;
  readonly driftFactor: number;
  /**
   * How long a node that lost its memory has no vote at most, and how long one whose clock was stepped has
   * none. All nodes of a manager share it, and what one of them tells may raise it.
   */
  readonly quarantine: QuarantineTerm;
  /**
   * Whether all who write under the prefix raise the instants of their nodes, so that a quarantine may be
   * lifted early.
   */
  readonly isExact: boolean;
  /**
   * A Redis node's grants count only when `replicas` of its replicas have them; with `onDisk`, when they and
   * the node itself have them on disk. `undefined`: at once.
   */
  readonly acknowledge?:
    { readonly replicas: number; readonly timeoutMs: number; readonly onDisk: boolean } | undefined;
  /** How long a Redis node keeps a fencing counter that is not used, in ms; `undefined`: for a day. */
  readonly fenceTtlMs?: number | undefined;
  /** Whether there are too few nodes for a quarantine, so that nothing makes up for what a node forgets. */
  readonly lacksQuarantine?: boolean;
  readonly clock: Clock;
  readonly random: () => number;
  /** The node connects when this resolves; `undefined`: at once. */
  readonly wanted?: Promise<void> | undefined;
}

/**
 * A node that was read from its source and checked, but is not connected to. All sources are read before one
 * node is opened, so a mistake in the last source leaves nothing open.
 */
export interface NodePlan {
  readonly name: string;
  readonly address: string;
  /** Two plans with the same identity are the same node. */
  readonly identity: unknown;
  open(settings: NodeSettings): LockNode;
}
