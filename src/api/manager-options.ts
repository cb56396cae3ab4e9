import type { LockNode } from '../node/lock-node.js';
import type { NodeSource, PostgresNodeOptions } from '../node/node-options.js';
import type { LockOptions } from './options.js';

/** How many copies of a grant there must be, see `LockManagerOptions.acknowledge`. */
export interface Acknowledgement {
  /** How many replicas of a node must have it: an integer from 1 to 100; with `onDisk` from 0. */
  readonly replicas: number;
  /**
   * Whether the node and these replicas must have written it to disk: the node is asked by WAITAOF. That
   * needs Redis 7.2 or later, and `appendonly yes` on all of them; with `appendfsync everysec` it takes up to
   * a second.
   * @default false
   */
  readonly onDisk?: boolean | undefined;
  /**
   * How long the node waits for them, in milliseconds: an integer from 1 to 1_000. With that much less than
   * `nodeTimeoutMs`, the error says that replicas were missing.
   * @default 100
   */
  readonly timeoutMs?: number | undefined;
}

/** The options of a `LockManager`, including the defaults of its locks. */
export interface LockManagerOptions extends LockOptions {
  /**
   * The voters, independent of each other: Redis servers as urls (`redis:`, `rediss:`), options or clients;
   * Sentinel groups and Clusters; databases (`{ postgres: … }`); `memoryNode()`; or nodes of your own kind.
   * All processes must be given the same nodes in the same order. Use an odd number: three nodes survive one
   * failure, five survive two.
   */
  readonly nodes: readonly NodeSource[];
  /**
   * The beginning of every key; the resource follows. With the empty prefix, locks are shared with clients of
   * the package redlock, which uses the resource itself as the key.
   * @default 'lock:'
   */
  readonly keyPrefix?: string | undefined;
  /**
   * How long a node that lost its data has no vote at most if too few other nodes can tell what is held, in
   * milliseconds: an integer from 10 to 2^31 - 1. A lock with a longer `ttlMs` makes it longer, and so does a
   * client that asks for more. It bounds the default of `ttlMs`.
   * @default 60_000
   */
  readonly maxTtlMs?: number | undefined;
  /**
   * How long the grants of a node do not count after it lost its data or its clock was stepped.
   * - a number: milliseconds, an integer from `maxTtlMs` to 2^31 - 1. This client ends no quarantine early.
   * - `'auto'`, with three nodes or more: after a loss, five seconds, and then until all is over for which
   *   the node may have voted; `maxTtlMs` if too few others can tell. Off with fewer nodes, because one node
   *   without a vote would make every lock unavailable.
   * - `'off'`: they always count. If a node restarts without its data while a lock is held, a second holder
   *   is possible.
   * @default 'auto'
   */
  readonly restartQuarantine?: 'auto' | 'off' | number | undefined;
  /**
   * How much faster one clock may run than another, as a fraction from 0 to 0.5. A lease is valid for that
   * much less than its TTL.
   * @default 0.01
   */
  readonly driftFactor?: number | undefined;
  /**
   * Whether leases have a fencing token. With `false`, `lease.token` throws.
   * @default true
   */
  readonly fencing?: boolean | undefined;
  /**
   * How long a Redis node keeps the fencing counter of a resource after its last use, in milliseconds: an
   * integer from 60,000 to seven days. Each takes about 140 bytes. It must outlast the time for which a
   * machine with a lease may be suspended without its clocks noticing. All processes must be given the same.
   * A counter with a tick on record is kept for seven days.
   * @default 86_400_000
   */
  readonly fenceTtlMs?: number | undefined;
  /**
   * What to do while no majority of the nodes can be reached.
   * - `'none'`: fail.
   * - `'memory'`: lock within this process only, with a warning and an event.
   * - `{ postgres: … }`: lock in this database, across processes, with a warning and an event. Every lease of
   *   the nodes is recorded there too, at the price of a commit for each acquisition, extension and release.
   *   A node of your own kind may take its place.
   * @default 'none'
   */
  readonly fallback?: 'none' | 'memory' | PostgresNodeOptions | LockNode | undefined;
  /**
   * Whether the manager connects to its nodes at the first use, or by `connect()`, rather than at once.
   * @default false
   */
  readonly lazyConnect?: boolean | undefined;
  /**
   * What a Redis node grants or extends counts only when this many of its replicas have it: the node is asked
   * by WAIT, or by WAITAOF. So a replica that takes over probably knows of it, which matters where one or two
   * nodes are all there is. It is no guarantee: Redis may promote another replica. Nodes of other kinds
   * ignore it. It excludes `maxStallMs`.
   * @default none
   */
  readonly acknowledge?: Acknowledgement | undefined;
  /**
   * How long the event loop of this process may be blocked, in milliseconds, while a worker thread with its
   * own connections extends the leases. With 0 there is no such thread: a lease is lost when the loop is
   * blocked past its end. Needs nodes given by urls or by options of plain data.
   * @default 0
   */
  readonly maxStallMs?: number | undefined;
  /**
   * The name of this process as other holders see it: 0 to 128 printable ASCII characters without spaces. In
   * the default, other characters of the host's name are written as in a url (`%C3%BC`). With `''` they see
   * none, and the value of a key is 32 hexadecimal digits, as that of the package redlock.
   * @default host:pid
   */
  readonly holder?: string | undefined;
  /**
   * Gets every warning, such as an even number of nodes, a misconfigured node, or a fallback.
   * @default process.emitWarning
   */
  readonly warn?: ((message: string) => void) | undefined;
}
