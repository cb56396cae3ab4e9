import { majorityOf } from './quorum.js';
import type { Vote } from './vote.js';

/** Whether all votes so far are grants: the usual case. */
export const areGrants = (votes: readonly (Vote | undefined)[]): boolean =>
  votes.every((vote) => vote === undefined || vote.kind === 'granted');

/** The counters of the nodes that have our key, but whose counter is above the extension's maximum. */
export const countersAbove = (votes: readonly (Vote | undefined)[]): number[] =>
  votes.flatMap((vote) => (vote?.kind === 'refused' && vote.counter !== undefined ? [vote.counter] : []));

/**
 * The owners that refused an extension, as one text; `undefined` unless so many nodes lack our key that no
 * majority can have it. The caller compares two rounds: the same text twice means that the key was taken for
 * good.
 */
export function takersIn(
  votes: readonly (Vote | undefined)[],
  majority = majorityOf(votes.length),
): string | undefined {
  const refusals = votes.flatMap((vote) =>
    vote?.kind === 'refused' && vote.reason !== 'superseded' ? [vote.owner ?? vote.reason] : [],
  );
  const isTaken = refusals.length > votes.length - majority;
  return isTaken ? [...new Set(refusals)].sort().join(' ') : undefined;
}
