import { plainText } from './plain-text.js';
import { majorityOf } from './quorum.js';
import { laterRun, TICK_FORGOTTEN, type RunRecord } from './run.js';
import { failed, type Failed, type Granted, type Vote } from './vote.js';

/**
 * The number of the attempt that these grants allow: one more than any of them knows of. Numbers of one tick
 * rise, and may skip: an attempt that was given up keeps its number.
 */
export const attemptAfter = (grants: readonly Granted[]): number =>
  grants.reduce((highest, { attempt = 0 }) => Math.max(highest, attempt), 0) + 1;

/** What the nodes that refused a tick say of it. */
export const refusedRun = (votes: readonly (Vote | undefined)[]): RunRecord | undefined =>
  votes
    .map((vote) => (vote?.kind === 'refused' && vote.reason === 'already_ran' ? vote.run : undefined))
    .reduce(laterRun, undefined);

/** The vote of a node that answers with this error. */
export function failedWith(message: unknown): Failed {
  const failure = failed('error', new Error(plainText(String(message))));
  return message === TICK_FORGOTTEN ? { ...failure, forgotten: true } : failure;
}

/** Whether the nodes that may vote for the tick are too few for a majority, for good. */
export function isTickForgotten(votes: readonly (Vote | undefined)[]): boolean {
  const forgotten = votes.filter((vote) => vote?.kind === 'failed' && vote.forgotten).length;
  return forgotten > 0 && votes.length - forgotten < majorityOf(votes.length);
}
