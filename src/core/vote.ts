import type { RunRecord } from './run.js';

/**
 * One node's answer to one request. There are three kinds, and none may be folded into another. A refusal
 * proves that the node did not do it, and mostly that somebody else holds the resource there. A failure
 * proves nothing: the request may have been carried out.
 */
export type Vote = Granted | Refused | Failed;

export interface Granted {
  readonly kind: 'granted';
  /** The resource's fencing counter on that node after the operation; 0 where fencing is off. */
  readonly counter: number;
  /**
   * After an acquisition with a `queueEntry`: how many other processes are on the node's wait list. After a
   * release: how many processes were notified.
   */
  readonly waiting?: number;
  /** After an acquisition with a tick: the attempt that is on record for it; left out if there is none. */
  readonly attempt?: number;
  /** After a release that finishes a run: whether the node has the end of it on record. */
  readonly recorded?: boolean;
  /**
   * After an acquisition with `from`: how long the longest of the keys that it took would have lived on, in
   * milliseconds. If it had taken them before: how long they live, which is no less.
   */
  readonly giverLeftMs?: number;
}

export interface Refused {
  readonly kind: 'refused';
  readonly reason: RefusalReason;
  /** The holder id found on the node, where there is one. */
  readonly owner?: string;
  /** Reserved for resources that several may hold at once, see `LockMode`. Nothing reads it yet. */
  readonly owners?: readonly string[];
  /** How long that holder's key still lives on the node, in milliseconds; 0 for a key that never expires. */
  readonly remainingMs?: number;
  /** With `superseded`: the counter, which is above the caller's token. */
  readonly counter?: number;
  /** With `already_ran`: what is on record; `undefined`: only that the tick has been run. */
  readonly run?: RunRecord;
  /**
   * After a release that finishes a run, see `Granted`: the end may be on record though the keys are gone.
   */
  readonly recorded?: boolean;
  /** Set by a node in quarantine: what it granted to that owner did not count either. */
  readonly untrusted?: true;
}

/**
 * - `held`: another holder's key is there.
 * - `already_ran`: the tick of the request, or a later one, is on record, so that this claim of it is too
 *   late.
 * - `absent`: the caller's key is gone.
 * - `superseded`: the caller's key is there, and the counter is above its token. Either a later holder has
 *   been there, or the caller's own grant came too late to take part in its token.
 */
export type RefusalReason = 'held' | 'already_ran' | 'absent' | 'superseded';

export interface Failed {
  readonly kind: 'failed';
  readonly reason: FailureReason;
  /** What went wrong, free of secrets. */
  readonly cause: Error;
  /**
   * The node lost its memory after the tick of the request was due, or shortly before, and never votes for
   * that tick.
   */
  readonly forgotten?: true;
}

/**
 * - `timeout`: no answer within the node timeout. Only the caller says so, never a node.
 * - `late`: the node got the request after its deadline and wrote nothing.
 * - `unreachable`: there was no connection, and nothing was sent.
 * - `withdrawn`: the request was cancelled before it was sent, because its holder no longer needs it.
 * - `disconnected`: the connection broke before the answer came; the request may have been carried out.
 * - `error`: the node answered with an error.
 * - `restored`: a lost key was set again. It protects the lease, but it does not count in this round.
 * - `untrusted`: granted by a node in quarantine, because it lost its memory or its clock was stepped.
 * - `mismatch`: the node does not vote under the caller's list of nodes, and wrote nothing.
 */
export type FailureReason =
  | 'timeout'
  | 'late'
  | 'unreachable'
  | 'withdrawn'
  | 'disconnected'
  | 'error'
  | 'restored'
  | 'untrusted'
  | 'mismatch';

export const failed = (reason: FailureReason, cause: Error): Failed => ({ kind: 'failed', reason, cause });

/**
 * What a node's answer says of the caller's key on that node: it may be there (`possible`), it is `gone`, or
 * nothing has changed, because nothing was written (`late`, `mismatch`) or sent (`unreachable`, `withdrawn`).
 */
export function keyAfter(vote: Vote): 'possible' | 'gone' | 'as before' {
  switch (vote.kind) {
    case 'granted':
      return 'possible';
    case 'refused':
      // The counter may be above the token because of the caller's own late grant; then the key is there.
      return vote.reason === 'superseded' ? 'as before' : 'gone';
    case 'failed':
      return WITHOUT_EFFECT.has(vote.reason) ? 'as before' : 'possible';
  }
}

const WITHOUT_EFFECT: ReadonlySet<FailureReason> = new Set(['late', 'unreachable', 'withdrawn', 'mismatch']);
