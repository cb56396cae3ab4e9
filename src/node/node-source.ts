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
  /** The node's name in metrics, logs and errors, instead of its address. */
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

/** All that a node can be made from. */
export type NodeSource = string | RedisNodeOptions | RedisLike | LockNode;
