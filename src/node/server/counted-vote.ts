import type { Clock } from '../../clock.js';
import type { Failed, Vote } from '../../core/vote.js';
import type { NodeRequest } from '../node-request.js';

export const isMismatch = (vote: Vote): boolean => vote.kind === 'failed' && vote.reason === 'mismatch';

/**
 * The vote that the caller gets of a server in quarantine. A grant does not count, although the key may be
 * there, and neither does the end of a run. A refusal is marked as untrusted: what the server granted to the
 * owner that it names does not count either. A mismatch is told as the quarantine, which explains it.
 * `quarantine` is undefined if votes count.
 */
export function countedVote(request: NodeRequest, vote: Vote, quarantine: Failed | undefined): Vote {
  if (quarantine === undefined) return vote;
  if (isMismatch(vote) || (vote.kind === 'granted' && !isPlainRelease(request))) return quarantine;
  return vote.kind === 'refused' ? { ...vote, untrusted: true } : vote;
}

const isPlainRelease = (request: NodeRequest): boolean =>
  request.op === 'release' && request.finish === undefined;

/**
 * Whether a late request is sent a second time. The longer a server was silent, the earlier the deadline that
 * is passed on to it. The reply has told its time again, and nothing was written.
 */
export const isSentAgain = (
  { request, isSecond }: { readonly request: NodeRequest; readonly isSecond: boolean },
  vote: Vote,
  clock: Pick<Clock, 'now'>,
): boolean =>
  vote.kind === 'failed' && vote.reason === 'late' && !isSecond && deadlineOf(request) > clock.now();

/** Whether the request must reach as many nodes as possible, and is right whenever it comes. */
export const mustArrive = (request: NodeRequest): boolean =>
  request.op === 'release' ||
  request.op === 'wake' ||
  request.op === 'confirm' ||
  (request.op === 'acquire' && request.tick !== undefined);

export const deadlineOf = (request: NodeRequest): number =>
  request.op === 'release' || request.op === 'wake' ? Number.POSITIVE_INFINITY : request.deadlineAt;
