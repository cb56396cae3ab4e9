import type { Failed, Vote } from '../core/vote.js';

/** The name, behind the key prefix, under which a node keeps what it knows of itself. */
export const MARKER = 'quorlock:node';
/** Likewise, a shard of a Cluster. */
export const SHARD_MARKER = /^quorlock:\{\d+\}:[0-9a-f]+:node$/;

/**
 * One voter. Every request is answered once, by a vote: what goes wrong is a vote as well. The answer may come as late as it
 * likes (the caller has a timer of its own), but it comes: a request whose connection broke is answered as failed. Requests
 * are carried out in the order in which they were made, together where that is quicker.
 *
 * What must hold on a node, so that a quorum of them can be trusted, is the contract suite of test/contract.
 */
export interface LockNode {
  /** Where the server is, as far as this client knows: two nodes of the same address are one. */
  readonly address: string;
  /** Names the node in metrics, logs and errors; free of secrets. */
  readonly name: string;
  readonly state: NodeState;
  /** `nodeIndex`: the number under which the asker hears the answer. */
  ask(request: NodeRequest, receiver: VoteReceiver, nodeIndex: number): void;
  /**
   * To be told that nobody needs any more what was asked for this holder. A node that does not answer drops what it has not
   * sent, and answers it as WITHDRAWN before this returns: it would keep it until its connection is given up. What must be on
   * record with as many nodes as possible, which is a tick, is not dropped.
   */
  withdraw(holderId: string): void;
  /**
   * Opens an ear for what the node tells this waiter: a resource that it waits for (`Waits`) may be free; `undefined` when the
   * ear has opened, or opened again, and something may have been missed. These are hints: any of them may be lost or late.
   */
  onRelease(waiter: string, listener: (resource: string | undefined) => void): ReleaseListener;
  inspect(resources: readonly string[]): Promise<readonly (NodeInspection | Failed)[]>;
  /** Hears every change of `state`; returns what ends the listening. */
  onStateChange(listener: (state: NodeState) => void): () => void;
  /** Whether the node has been used before; reads its marker anew. */
  look(): Promise<void>;
  /** Ends a node's being `new`, or its quarantine: its grants count from now on, or one quarantine later. */
  admit(as: 'trusted' | 'quarantined'): Promise<void>;
  /** Writes down, on the node, among which nodes it is used. */
  recordMembers(members: string): Promise<void>;
  /** Keeps the node out of votes for one quarantine, as far as this client is concerned. */
  quarantine(reason: string): void;
  /** Takes the node out of every vote for good: a fault of the configuration that shows only once it is connected. */
  markMisconfigured(reason: string): void;
  /** Ends the node's own connections. Requests under way are answered as failed. */
  close(): Promise<void>;
}

/**
 * - `connecting`: the first connection is being made; requests wait for it.
 * - `new`: it has no marker, so it is fresh or has lost everything; only all nodes together can tell (see FirstUse).
 * - `untrusted`: it carries requests out, but its grants do not count (`reason` says why) until `trustedAt`.
 * - `ready`: it votes.
 * - `unreachable`: there is no connection; it is tried again and again, and requests fail at once.
 * - `misconfigured`: it must not vote, because of its configuration (`reason` says which).
 * - `closed`: `close` was called.
 */
export interface NodeState {
  readonly status: 'connecting' | 'new' | 'untrusted' | 'ready' | 'unreachable' | 'misconfigured' | 'closed';
  /** Why, where the status needs a reason; free of secrets. */
  readonly reason?: string;
  /** Identifies the server process behind the node while connected: Redis' run_id. */
  readonly serverId?: string;
  /** The node's own random name, which it keeps for as long as its memory, and the members written down on it ('': none). */
  readonly id?: string;
  readonly members?: string;
  /** What the operator should know although the node votes. */
  readonly caution?: string;
  /** When it is trusted again, on the caller's monotonic clock. */
  readonly trustedAt?: number;
  /** The node's time minus the caller's monotonic time, in milliseconds, where it is known to within a second. */
  readonly clockOffsetMs?: number;
  /** The caller's wall clock minus its monotonic one at that time: once they have moved apart, the offset is out of date. */
  readonly ownGapMs?: number;
}

/** Who asks nodes. One object for all of them and for all requests costs less than a function for each. */
export interface VoteReceiver {
  receive(nodeIndex: number, vote: Vote): void;
}

/** What was opened by `onWake`. */
export interface ReleaseListener {
  /** Whether it would hear something now. */
  readonly open: boolean;
  close(): void;
}

/** Who waits for a resource on a node, one process after the other. */
export interface QueueEntry {
  /** Random, of one process, without spaces. */
  readonly waiter: string;
  /** After how long a node may forget the whole list, unless somebody joins it meanwhile; in milliseconds. */
  readonly listLivesMs: number;
}

/** What a node can be asked for a vote on. A request is never changed: a node may keep what it made of it. */
export type NodeRequest = AcquireRequest | ConfirmRequest | ExtendRequest | ReleaseRequest | WakeRequest;

/** Every request names its resources; several are granted together or not at all. */
interface Request {
  readonly resources: readonly string[];
  /** Random, of one round only; proves ownership. */
  readonly holderId: string;
}

export interface AcquireRequest extends Request {
  readonly op: 'acquire';
  readonly ttlMs: number;
  /** On the caller's monotonic clock: a node that gets the request later writes nothing and votes `late`. */
  readonly deadlineAt: number;
  /**
   * Where the node has no fencing counter for the resource it starts from here: the caller's wall clock in microseconds,
   * which the node clamps to its own time within a second. `undefined`: no fencing.
   */
  readonly seed: number | undefined;
  /** The scheduled time that the run belongs to, in epoch milliseconds; refused where it is recorded as run. */
  readonly tick: number | undefined;
  /** How many tokens the grant reserves, at least 1: the counter goes up by as many. */
  readonly tokens: number;
  /** Where it is refused as held, this waiter is put on the list of the resource that refused it; where granted, taken off. */
  readonly queueEntry?: QueueEntry | undefined;
}

/** Raises the counter to the token, and records the tick, only where the holder owns the key and the counter is not above. */
export interface ConfirmRequest extends Request {
  readonly op: 'confirm';
  readonly deadlineAt: number;
  readonly token: number;
  readonly tick: number | undefined;
}

/** As the token of an extension, with fencing or without: a key that is gone stays gone. */
export const PRESENT_ONLY = -1;

/** Prolongs the holder's keys, never shortens them, and sets lost ones again as long as nobody has come after. */
export interface ExtendRequest extends Request {
  readonly op: 'extend';
  readonly ttlMs: number;
  readonly deadlineAt: number;
  /**
   * A key that is gone is set again only where the counter is not above this: the lease's token, or anything at all once a
   * majority has proved that nobody came after, or never (`PRESENT_ONLY`). `undefined`: no fencing.
   */
  readonly token: number | undefined;
  /** Where the key is there, the counter is raised to this; above it the request is refused as `superseded`. */
  readonly maxCounter: number | undefined;
}

/**
 * Deletes the holder's keys, or leaves them `keepMs` to live, and tells the first on the list. It has no deadline: it is right
 * whenever it comes.
 */
export interface ReleaseRequest extends Request {
  readonly op: 'release';
  readonly keepMs: number;
  /** This waiter goes to the end of the list before the first of it is told. */
  readonly queueEntry?: QueueEntry | undefined;
}

/** Tells the first on the list of each of the resources that is free: who was told before has no use for it. */
export interface WakeRequest extends Request {
  readonly op: 'wake';
}

/** What one node knows of one resource. */
export interface NodeInspection {
  readonly kind: 'inspected';
  readonly owner: string | undefined;
  readonly remainingMs: number;
  readonly counter: number | undefined;
  readonly lastTick: number | undefined;
}
