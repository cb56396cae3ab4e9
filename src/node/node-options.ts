import type { LockNode } from './lock-node.js';

/**
 * The part of an ioredis client that a node needs. It is described by its shape and not by its class, because a second
 * copy of ioredis in the tree makes another class. The client is duplicated, and neither used, reconfigured nor closed.
 */
export interface RedisLike {
  readonly options: object;
  duplicate(override?: object): unknown;
}

/** Where a Redis server is: the most used of ioredis's options; all others are passed on to it. */
export interface RedisNodeOptions {
  readonly host?: string;
  readonly port?: number;
  /** A unix socket, instead of host and port. */
  readonly path?: string;
  readonly username?: string;
  readonly password?: string;
  readonly db?: number;
  readonly tls?: object;
  /**
   * The sentinels of a master, instead of a server: the node is the one that they say is the master at the time. A failover
   * costs it its vote for one quarantine, because the new master may lack the last locks.
   */
  readonly sentinels?: readonly object[] | null;
  /**
   * The node's name in metrics, logs and errors, instead of its address. With sentinels it is the group that they watch, as
   * in ioredis, and the node is called by it and the first of them: `mymaster@10.0.0.1:26379`.
   */
  readonly name?: string;
  /**
   * The operator's word that this server keeps every write through a crash (appendonly with appendfsync always): then a
   * restart does not cost it its vote.
   * @default false
   */
  readonly durable?: boolean;
  readonly connectTimeout?: number;
  readonly [option: string]: unknown;
}

/**
 * A Redis Cluster as one node: each lock has the vote of the shard that serves its slot. Several resources that are locked
 * together need a hash tag in common there. All other options of ioredis hold for the connection to each of its servers.
 */
export interface RedisClusterOptions {
  /** Some of its servers, as urls or `{ host, port }`: from these the others are learnt. */
  readonly cluster: readonly (string | { readonly host?: string; readonly port?: number })[];
  readonly username?: string;
  readonly password?: string;
  readonly tls?: object;
  /** The node's name in metrics, logs and errors, instead of that of its first server. */
  readonly name?: string;
  /** How its servers can be reached from here where they call themselves by other addresses, as for ioredis. */
  readonly natMap?: object | ((address: string) => { host: string; port: number } | null | undefined);
  readonly connectTimeout?: number;
  readonly [option: string]: unknown;
}

/** All that a node can be made from. */
export type NodeSource = string | RedisNodeOptions | RedisClusterOptions | RedisLike | LockNode;
