import type { ListPair } from '../core/membership/member-list.js';
import type { Outstanding } from '../core/membership/record.js';
import type { MemoryReport } from '../core/quarantine.js';
import type { RunMark, RunRecord } from '../core/run.js';
import type { RunNote } from '../core/run-history.js';
import type { Failed, Vote } from '../core/vote.js';

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

/** The part of a node that can lose its data, or whose clock can be stepped. */
export interface NodeMemory {
  /**
   * Reads the node's marker again, and updates `state` from it. Never rejects. Tells what the marker says of
   * the node's memory; `undefined` if the node did not answer, or has nothing to tell. `isUsed`: the node had
   * a marker; if it has none any more, it has lost its memory, and that is recorded as by `recordLoss`.
   */
  look(isUsed?: boolean): Promise<MemoryReport | undefined>;
  /** Ends `new` or `untrusted`: from now on the node's grants count, for every client. Never rejects. */
  trust(): Promise<void>;
  /**
   * Records on a `new` node that it lost its memory: its grants count one quarantine later, for every client.
   */
  recordLoss(): Promise<void>;
  /** Keeps the node out of votes for one quarantine, for this client only. */
  quarantine(reason: string): void;
  /**
   * Ends the quarantine of the memory that it names, for every client: all that was forgotten is over. Does
   * nothing if the node has another memory by now. Never rejects. A node without it is trusted again only
   * when its quarantine is over.
   */
  lift?(memory: string): Promise<void>;
  /**
   * The id that the node gets when it has none: after its first contact, or after it lost its memory. With
   * `replacedId` it gets the id now, if it has none, or if it is blank and still has the id `replacedId`.
   */
  identify?(id: string, replacedId?: string): Promise<void>;
  /**
   * Writes the node's record: the list of nodes that it votes in, and the list before. The write must be
   * atomic, and must be refused where the node's memory or the number of its record is another one.
   * `waitMs`: how long a lease may live that is out when it is written. `look` reports the record. Never
   * rejects.
   *
   * A node without this method keeps no record, and votes under every list.
   */
  writeRecord?(write: RecordWrite, waitMs: number, deadlineAt: number): Promise<void>;
}

/** What is to be written, and what must still stand on the node. */
export interface RecordWrite extends ListPair {
  readonly memory: string;
  readonly sequence: number;
  /**
   * What has to be over before the record is in force: `nothing`; `own votes`, that is, what this node has
   * granted, for which it may wait for less than `waitMs` where it knows when that is; or `all votes`.
   */
  readonly outstanding: Outstanding;
  /** In which of the two lists the node votes from now on: those that it is a member of. */
  readonly votesIn: { readonly list: boolean; readonly previous: boolean };
}

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
  /** Why, where the status needs a reason; free of secrets. */
  readonly reason?: string;
  /** Identifies the server process behind the node while connected, such as the run_id of Redis. */
  readonly serverId?: string;
  /** The node's random id. After a loss of memory it gets the same one again, from a client that knew it. */
  readonly id?: string;
  /** The lists that it votes in, as the last look told. Only a node with `memory.writeRecord` has it. */
  readonly record?: NodeRecord;
  /** A warning for the operator of a node that votes all the same. */
  readonly caution?: string;
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
 * A process that waits for a resource, on the node's wait list of that resource.
 *
 * @example
 * { waiter: 'web-1:4711:5f0c…', listLivesMs: 65_000 }
 */
export interface QueueEntry {
  /** Random, of one process, without spaces. */
  readonly waiter: string;
  /** The node may drop the whole wait list when nobody has joined it for this long, in milliseconds. */
  readonly listLivesMs: number;
}

/**
 * What a node votes on. A request is never changed after it was made, so a node may cache what it derives
 * from it.
 */
export type NodeRequest = AcquireRequest | ConfirmRequest | ExtendRequest | ReleaseRequest | WakeRequest;

/** How many may hold a resource at once. Today one; a request without a mode is exclusive. */
export type LockMode = 'exclusive';

interface RequestBase {
  /** 1 to 64 names of 1 to 512 bytes. They are granted together or not at all. */
  readonly resources: readonly string[];
  /** Random, of one round only. It proves ownership. */
  readonly holderId: string;
}

interface Voted extends RequestBase {
  /**
   * The id of the list of nodes that the caller votes under. The node votes `mismatch`, and writes nothing,
   * unless its record has this list as its present one or as the one before. Empty: it is not checked.
   */
  readonly list?: string;
}

/**
 * Sets the keys of all resources for `ttlMs`, and raises their counters, unless another holder has one of
 * them. The same request a second time is granted again and counts nothing.
 *
 * @example
 * { op: 'acquire', resources: ['invoice:7'], holderId: '0f3a…@web-1:4711', ttlMs: 30_000,
 *   deadlineAt: 812_345.6, seed: 1_791_812_345_678_000, tick: undefined, tokens: 1 }
 *
 * // free
 * { kind: 'granted', counter: 1_791_812_345_678_001 }
 * // held by another
 * { kind: 'refused', reason: 'held', owner: '77d0…@web-2:512', remainingMs: 12_040 }
 * // the tick is on record
 * { kind: 'refused', reason: 'already_ran', run: { tick: 1_791_812_340_000, attempt: 1, state: 'finished' } }
 * // with `retry`: the tick was started once, and its worker is gone
 * { kind: 'granted', counter: 1_791_812_345_678_001, attempt: 1 }
 * // with `from`: taken from that holder
 * { kind: 'granted', counter: 1_791_812_345_678_002, giverLeftMs: 12_040 }
 * // after its deadline
 * { kind: 'failed', reason: 'late', cause: new Error('the request reached the node after its deadline') }
 */
export interface AcquireRequest extends Voted {
  readonly op: 'acquire';
  readonly mode?: LockMode;
  readonly ttlMs: number;
  /**
   * On the caller's monotonic clock (`performance.now()`). After it, the node writes nothing and votes
   * `late`.
   */
  readonly deadlineAt: number;
  /**
   * Where the node has no counter for the resource, it counts up from here. It is the caller's wall clock in
   * microseconds; a node limits it to its own clock ± 1 s. `undefined`: no fencing.
   *
   * A counter that is more than two seconds ahead of the node's clock was not made by counting. Then the vote
   * is an `error` that names it, and nothing is written; so it is with a token or a `maxCounter` like that.
   */
  readonly seed: number | undefined;
  /**
   * The scheduled time of the run, in epoch milliseconds. Refused where it, or a later one, is on record,
   * unless that record is open. A grant tells the attempt that is on record, and writes nothing about the
   * tick. Where it is more than `TICK_AHEAD_MS` ahead of the node's clock, the vote is an `error`: on record
   * it would refuse all ticks until then.
   */
  readonly tick: number | undefined;
  /** Grants a tick, too, that was started and not finished. */
  readonly retry?: boolean;
  /** How many tokens the grant reserves: the counter goes up by as many. At least 1. */
  readonly tokens: number;
  /** Refused as held: joins the wait list of the resource that refused. Granted: leaves the wait lists. */
  readonly queueEntry?: QueueEntry | undefined;
  /**
   * Takes the keys of this holder id, which must have all of them: the same is done as for free resources.
   * A resource without a key is refused as `absent`. The grant tells how long the keys would have lived
   * (`giverLeftMs`), and does not shorten that. What was taken before is granted again, with what is left of
   * the keys as they are: the giver's would not have lived longer. Without a tick.
   */
  readonly from?: string | undefined;
}

/**
 * Raises the counter to the token, and records that the tick is started. Only where the holder owns the keys,
 * the counter is not above the token, the tick is not finished and no later one is on record. The attempt on
 * record is never lowered.
 *
 * @example
 * { op: 'confirm', resources: ['invoice:7'], holderId: '0f3a…@web-1:4711', deadlineAt: 812_345.6,
 *   token: 1_791_812_345_678_003, tick: 1_791_812_340_000, attempt: 1 }
 *
 * { kind: 'granted', counter: 1_791_812_345_678_003 }
 * { kind: 'refused', reason: 'absent' }
 * // the tick was finished meanwhile
 * { kind: 'refused', reason: 'already_ran', run: { tick: 1_791_812_340_000, attempt: 1, state: 'finished' } }
 * { kind: 'refused', reason: 'superseded', counter: 1_791_812_345_678_009 }
 */
export interface ConfirmRequest extends Voted {
  readonly op: 'confirm';
  readonly deadlineAt: number;
  readonly token: number;
  readonly tick: number | undefined;
  /** Which attempt to run the tick this is, from 1. Given with every tick. */
  readonly attempt?: number | undefined;
}

/** The token of an extension that never sets a lost key again, with fencing and without. */
export const PRESENT_ONLY = -1;

/**
 * Prolongs the holder's keys, and never shortens them. Sets lost keys again as long as no later holder has
 * been there.
 *
 * @example
 * { op: 'extend', resources: ['invoice:7'], holderId: '0f3a…@web-1:4711', ttlMs: 30_000,
 *   deadlineAt: 822_345.6, token: 1_791_812_345_678_001, maxCounter: 1_791_812_345_678_001 }
 *
 * { kind: 'granted', counter: 1_791_812_345_678_001 }
 * // the key was lost, and with it the counter; both were set again
 * { kind: 'failed', reason: 'restored', cause: new Error('the node had lost the key') }
 */
export interface ExtendRequest extends Voted {
  readonly op: 'extend';
  readonly ttlMs: number;
  readonly deadlineAt: number;
  /**
   * A lost key is set again only where the counter is not above this. It is the lease's token; more, once a
   * majority has proved that nobody came after; or `PRESENT_ONLY`. `undefined`: no fencing.
   */
  readonly token: number | undefined;
  /** Where the key is there, the counter is raised to this. A counter above it is refused as `superseded`. */
  readonly maxCounter: number | undefined;
}

/**
 * Deletes the holder's keys, or leaves them `keepMs` to live, and announces it to the first on each wait
 * list. It has no deadline: it is right whenever it comes.
 *
 * Before that, with `finish`, it records that the tick is finished, whoever owns the keys. It does not where
 * the resource has no counter, because a lost counter must stay lost; and not over a later attempt. The vote
 * tells whether the end is on record (`recorded`), or need not be, because the node never grants the tick
 * again.
 *
 * @example
 * { op: 'release', resources: ['invoice:7'], holderId: '0f3a…@web-1:4711', keepMs: 0 }
 *
 * { kind: 'granted', counter: 0 }
 * // announced to one waiter
 * { kind: 'granted', counter: 0, waiting: 1 }
 * { kind: 'refused', reason: 'absent' }
 * // with `finish`
 * { kind: 'granted', counter: 0, recorded: true }
 * { kind: 'refused', reason: 'absent', recorded: true }
 */
export interface ReleaseRequest extends RequestBase {
  readonly op: 'release';
  readonly keepMs: number;
  /** The run has ended. */
  readonly finish?: RunMark | undefined;
  /**
   * The run never began: where the holder owns the keys and this attempt is on record as started, the tick is
   * open again.
   */
  readonly open?: RunMark | undefined;
  /**
   * The run as it is to be remembered. The node keeps it for as long as its ledger, and the instant of the
   * latest success. It is no part of the vote: a failure to keep it changes nothing, the same note a second
   * time is one, and a node may have no place for it.
   */
  readonly note?: RunNote | undefined;
  /** Joins the end of the wait list before the first on it is told. */
  readonly queueEntry?: QueueEntry | undefined;
}

/**
 * Announces each resource that is free to the first on its wait list, because the one who was told before has
 * no use for it. A node without `onRelease` grants it and does nothing.
 *
 * @example
 * { op: 'wake', resources: ['invoice:7'], holderId: 'web-1:4711:5f0c…' }
 *
 * { kind: 'granted', counter: 0 }
 */
export interface WakeRequest extends RequestBase {
  readonly op: 'wake';
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
