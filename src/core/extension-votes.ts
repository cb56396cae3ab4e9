import { majorityOf } from './quorum.js';
import type { Vote } from './vote.js';

/** Whether all votes that are in are grants, as nearly always. */
export const areGrants = (votes: readonly (Vote | undefined)[]): boolean =>
  votes.every((vote) => vote === undefined || vote.kind === 'granted');

/** The counters of the nodes that have the key, but under a counter above what the extension allowed. */
export const countersAbove = (votes: readonly (Vote | undefined)[]): number[] =>
  votes.flatMap((vote) => (vote?.kind === 'refused' && vote.counter !== undefined ? [vote.counter] : []));

/**
 * Who refused an extension, where so many nodes no longer have the key that no majority can have it; `undefined` otherwise.
 * The same answer at two looks names those who have come to stay.
 */
export function takersIn(votes: readonly (Vote | undefined)[]): string | undefined {
  const refusals = votes.flatMap((vote) =>
    vote?.kind === 'refused' && vote.reason !== 'superseded' ? [vote.owner ?? vote.reason] : [],
  );
  const isOut = refusals.length > votes.length - majorityOf(votes.length);
  return isOut ? [...new Set(refusals)].sort().join(' ') : undefined;
}
