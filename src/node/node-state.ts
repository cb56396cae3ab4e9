import type { ListPair } from '../core/membership/member-list.js';

/** The lists of nodes that a node votes in, as `look` found them. */
export interface NodeRecord {
  /** Names the node's present memory. A node that lost its memory gets another one. */
  readonly memory: string;
  /** How often the record was written. */
  readonly sequence: number;
  /** `undefined`: the node is blank, it has no record that was written in its present memory. */
  readonly pair: ListPair | undefined;
  /** When the leases are over that were out when it was written, on the caller's monotonic clock. */
  readonly inForceAt: number;
  /** When it was written, or when the memory of a blank node began, on the caller's monotonic clock. */
  readonly writtenAt: number;
}

/**
 * - `connecting`: the first connection is being made; requests wait for it.
 * - `new`: the node has no marker. It is fresh, or has lost everything; only all nodes together can tell.
 * - `untrusted`: it carries requests out, but until `trustedAt` its grants do not count; `reason` says why.
 * - `ready`: it votes.
 * - `unreachable`: there is no connection. It is tried again and again, and requests fail at once.
 * - `misconfigured`: it must not vote because of its configuration; `reason` says why.
 * - `closed`: `close` was called.
 *
 * Only a node with `memory` is ever `new` or `untrusted`, and only such a node tells its `id`, its `record`
 * and its clock.
 *
 * @example
 * { status: 'ready' }
 * { status: 'unreachable', reason: 'connect ECONNREFUSED 10.0.0.1:6379' }
 */
export interface NodeState {
  readonly status: 'connecting' | 'new' | 'untrusted' | 'ready' | 'unreachable' | 'misconfigured' | 'closed';
  /**
   * Why, where the status needs a reason; free of secrets. Of a node that is ready, it says why its first use
   * has to wait.
   */
  readonly reason?: string;
  /** Identifies the server process behind the node while connected, such as the run_id of Redis. */
  readonly serverId?: string;
  /** The node's random id. After a loss of memory it gets the same one again, from a client that knew it. */
  readonly id?: string;
  /** The lists that it votes in, as the last look told. Only a node with `memory.writeRecord` has it. */
  readonly record?: NodeRecord;
  /** Warnings for the operator of a node that votes all the same. Each is told once. */
  readonly cautions?: readonly string[];
  /** When the node is trusted again, on the caller's monotonic clock. */
  readonly trustedAt?: number;
  /** The node's time minus the caller's monotonic time, in milliseconds, if known to within a second. */
  readonly clockOffsetMs?: number;
  /**
   * The caller's wall clock minus its monotonic clock then. When the two move apart, the offset is out of
   * date.
   */
  readonly ownGapMs?: number;
}
