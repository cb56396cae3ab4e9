import type { RunRecord } from '../core/run.js';
import type { Failed, Vote } from '../core/vote.js';
import type { NodeMemory } from './node-memory.js';
import type { NodeRequest } from './node-request.js';
import type { NodeState } from './node-state.js';

/**
 * The port to one voter. For each resource a node keeps a key (one holder id, with an expiry), a fencing
 * counter and the ledger of its runs, which knows the latest tick. It votes on requests about them.
 *
 * The members without a question mark are the vote; every node has them. The others are parts that a node may
 * have. Without a part, the node counts as one that does not need it or cannot do it, as the part's comment
 * says.
 *
 * What a node must do is also a list of runnable cases: `lockNodeContract` in `quorlock/node`.
 */
export interface LockNode {
  /** Names the node in metrics, logs and errors. Unique in a list of nodes, and free of secrets. */
  readonly name: string;
  /**
   * Where the node keeps its data, as far as this client knows. Two nodes with the same address are one node.
   */
  readonly address: string;
  readonly state: NodeState;
  /** Calls the listener at every change of `state`, until the returned function is called. */
  onStateChange(listener: (state: NodeState) => void): () => void;
  /**
   * Carries out the request and gives `receiver` exactly one vote, together with `nodeIndex`. It never
   * throws: what goes wrong is a vote, too. The vote may come as late as it likes, because the caller has a
   * timer of its own, but it must come: when the connection breaks, the vote is `failed`. Requests take
   * effect in the order in which they were made; a node may carry them out together.
   */
  ask(request: NodeRequest, receiver: VoteReceiver, nodeIndex: number): void;
  /** What the node knows of each resource, in the order of the list. Changes nothing, and never rejects. */
  inspect(resources: readonly string[]): Promise<readonly (NodeInspection | Failed)[]>;
  /** Ends the node's own connections. Requests that are under way are answered as failed. */
  close(): Promise<void>;

  /** How the node can lose its memory, and how it is trusted again. A node without it is always trusted. */
  readonly memory?: NodeMemory;
  /**
   * Listens to the releases that the node announces to this waiter. `listener` gets the name of a resource
   * that may be free. It gets `undefined` when the listener has opened, or opened again: something may have
   * been missed. These are hints, and any of them may be lost or late.
   *
   * A node without it announces nothing. Where fewer than a majority of the nodes can announce, waiters ask
   * again every `retryDelayMs`.
   */
  onRelease?(waiter: string, listener: (resource: string | undefined) => void): ReleaseListener;
  /**
   * Cancels this holder's unsent requests, so that a stalled node does not keep them in memory. Each of them
   * is answered as `withdrawn` before this returns. Requests that must reach as many nodes as possible stay:
   * releases, wakes, confirmations, and acquisitions with a tick.
   */
  withdraw?(holderId: string): void;
  /**
   * The texts of the notes that the node keeps of the resource's runs, in their order, see
   * `ReleaseRequest.note`. Changes nothing, and never rejects. A node without it keeps none.
   */
  history?(resource: string): Promise<readonly string[] | Failed>;
  /**
   * Takes the node out of every vote for good, because of a configuration error that shows only after
   * connecting. A node without it is closed instead, so its `close` must end its votes.
   */
  markMisconfigured?(reason: string): void;
  /** `process`: the node excludes callers in this process only. Otherwise it excludes callers everywhere. */
  readonly scope?: 'process';
}

/** The caller of a request. One object for all nodes and all requests costs less than a function for each. */
export interface VoteReceiver {
  receive(nodeIndex: number, vote: Vote): void;
}

/** What `onRelease` opened. */
export interface ReleaseListener {
  /** Whether an announcement would be heard now. */
  readonly open: boolean;
  close(): void;
}

/**
 * What one node knows of one resource.
 *
 * @example
 * { kind: 'inspected', owner: '0f3a…@web-1:4711', remainingMs: 21_004, counter: 1_791_812_345_678_001,
 *   run: { tick: 1_791_812_340_000, attempt: 1, state: 'started' } }
 * { kind: 'inspected', owner: undefined, remainingMs: 0, counter: undefined, run: undefined }
 */
export interface NodeInspection {
  readonly kind: 'inspected';
  readonly owner: string | undefined;
  /** Reserved for resources that several may hold at once, see `LockMode`. Nothing reads it yet. */
  readonly owners?: readonly string[];
  /** How long the owner's key lives, in milliseconds; 0 without an owner. */
  readonly remainingMs: number;
  readonly counter: number | undefined;
  /** The latest tick on record. */
  readonly run: RunRecord | undefined;
  /** When a run last succeeded, in ms since 1970, as far as notes have told the node. */
  readonly lastSuccess?: number | undefined;
}
