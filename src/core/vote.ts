/**
 * One node's answer to one question. There are three, and none may be folded into another: a refusal proves that
 * somebody else holds the resource on that node; a failure proves nothing, and the command may have landed.
 */
export type Vote = Granted | Refused | Failed;

export interface Granted {
  readonly kind: 'granted';
  /** The resource's fencing counter on that node after the operation; 0 where fencing is off. */
  readonly counter: number;
  /**
   * How many other processes wait for it there, where the asker was ready to wait itself; of a release, how many were told
   * of it.
   */
  readonly waiting?: number;
}

export interface Refused {
  readonly kind: 'refused';
  readonly reason: RefusalReason;
  /** The holder id found on the node, where there is one. */
  readonly owner?: string;
  /** How long that holder's key still lives on the node, in milliseconds. */
  readonly remainingMs?: number;
  /** With `superseded`: the counter that stands above the asker's token. */
  readonly counter?: number;
  /** By a node without a vote: the owner was granted nothing by it that would count. */
  readonly untrusted?: true;
}

/**
 * - `held`: another holder's key is there.
 * - `already_ran`: the tick asked for, or a later one, is recorded as run.
 * - `absent`: the asker's key is gone.
 * - `superseded`: the counter stands above the asker's token: a later holder has been there, or the asker's own grant
 *   came too late to take part in its token, and its key is there.
 */
export type RefusalReason = 'held' | 'already_ran' | 'absent' | 'superseded';

export interface Failed {
  readonly kind: 'failed';
  readonly reason: FailureReason;
  /** What went wrong, free of secrets. */
  readonly cause: Error;
}

/**
 * - `timeout`: no answer within the node timeout.
 * - `late`: the node got the command after its deadline and wrote nothing.
 * - `unreachable`: there was no connection, and nothing was sent.
 * - `disconnected`: the connection broke while the request was under way.
 * - `error`: the node answered with an error.
 * - `restored`: a lost key was set again; it protects, but it does not count in this round.
 * - `untrusted`: granted by a node that lost its memory, or whose clock was stepped, not long enough ago.
 */
export type FailureReason =
  'timeout' | 'late' | 'unreachable' | 'disconnected' | 'error' | 'restored' | 'untrusted';

export const failed = (reason: FailureReason, cause: Error): Failed => ({ kind: 'failed', reason, cause });

/**
 * The answer to a request that was withdrawn before it was sent to a node that does not answer: to be told from others of its
 * kind by what it is.
 */
export const WITHDRAWN = failed('unreachable', new Error('it does not answer, and nothing was sent'));

/**
 * What a node's answer says of the asker's key on that node: it may be there, it is not, or the answer says nothing new,
 * because nothing was written (`late`) or even sent (`unreachable`).
 */
export function keyAfter(vote: Vote): 'possible' | 'gone' | 'as before' {
  switch (vote.kind) {
    case 'granted':
      return 'possible';
    case 'refused':
      // A counter above the token may be the asker's own, from a grant that came late; the key is there then.
      return vote.reason === 'superseded' ? 'as before' : 'gone';
    case 'failed':
      return vote.reason === 'late' || vote.reason === 'unreachable' ? 'as before' : 'possible';
  }
}
