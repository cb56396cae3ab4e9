import type { RunMark } from '../core/run.js';
import type { RunNote } from '../core/run-history.js';

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
 * list. It has no deadline: it is right whenever it comes. Whoever was told keeps its place until it has the
 * resource or is told again; if that is more than `COMES_WITHIN_MS` later, the next on the list is told too.
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
 * Takes the waiter that `holderId` names off the wait list of each resource that is free, and announces the
 * resource to the first on the list, because the one who was told before has no use for it. A node without
 * `onRelease` grants it and does nothing.
 *
 * @example
 * { op: 'wake', resources: ['invoice:7'], holderId: 'web-1:4711:5f0c…' }
 *
 * { kind: 'granted', counter: 0 }
 */
export interface WakeRequest extends RequestBase {
  readonly op: 'wake';
}
