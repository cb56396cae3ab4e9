import type { RunMark } from '../../core/run.js';
import type { RunNote } from '../../core/run-history.js';
import type { VoteReceiver } from '../../node/lock-node.js';
import type { QueueEntry } from '../../node/node-request.js';

/** What one attempt asks of the nodes; each of its rounds adds a holder id. */
export interface LockRequest {
  /** The number of the acquire call, which its events carry. */
  readonly id: number;
  readonly resources: readonly string[];
  readonly ttlMs: number;
  readonly nodeTimeoutMs: number;
  /** The scheduled time that the run belongs to, in epoch milliseconds. */
  readonly tick: number | undefined;
  /** Whether the tick is claimed, too, if it was started and not finished. */
  readonly retry: boolean;
  /** How many attempts to run the tick there may be; `undefined`: any number. */
  readonly maxRuns: number | undefined;
  /**
   * How many tokens a grant reserves: one for the lease, and one for each lease of this process that may
   * follow on it.
   */
  readonly tokens: number;
  /** The queue entry of this process if the call waits: a node that refuses puts it on its list. */
  readonly queueEntry: QueueEntry | undefined;
  /** The lease whose keys are taken; `undefined`: the resources have to be free. */
  readonly from?: TakenLease | undefined;
}

/** A lease that is adopted. */
export interface TakenLease {
  readonly holderId: string;
  /**
   * Whether its holder has ended it. Otherwise it may be valid until the keys that were taken would have
   * expired, so they are not released before.
   */
  readonly isOver: boolean;
}

/**
 * The call or lease that the nodes are asked for, how long the keys live, and how long a node may take to
 * answer.
 */
export type CallTerms = Pick<LockRequest, 'id' | 'ttlMs' | 'nodeTimeoutMs'>;

export interface ExtendTerms extends CallTerms {
  /** The end of the validity that the extension prolongs, on the monotonic clock. */
  readonly validUntil: number;
  /** See ExtendRequest. */
  readonly token: number | undefined;
  readonly maxCounter: number | undefined;
}

export interface ReleaseTerms extends CallTerms {
  /** How long the keys stay, for a minimum hold; 0: they are deleted. */
  readonly keepMs: number;
  /** The release resolves once this many nodes have released. */
  readonly enough: number;
  readonly queueEntry?: QueueEntry | undefined;
  /** The run that has ended. `onEnd` is called once: it is on record on a majority, or never will be. */
  readonly finish?: { readonly mark: RunMark; readonly onEnd: (recorded: boolean) => void } | undefined;
  /** What the nodes are to remember of the run. */
  readonly note?: RunNote | undefined;
}

/** Keys that are set again where they are gone. It receives what an extension gets there afterwards. */
export interface RestoreTarget extends VoteReceiver {
  readonly isHeld: boolean;
}
