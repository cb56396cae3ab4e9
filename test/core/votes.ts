import { failed, type Failed, type Granted, type Refused, type Vote } from '../../src/core/vote.js';

/** Short names for votes, so that tables of them are readable. */
export type MaybeVote = Vote | undefined;

export const granted = (counter = 1): Granted => ({ kind: 'granted', counter });
export const heldBy = (owner: string, remainingMs = 1_000): Refused => ({
  kind: 'refused',
  reason: 'held',
  owner,
  remainingMs,
});
/** The same, by a node in quarantine. */
export const untrustedHeldBy = (owner: string): Refused => ({ ...heldBy(owner), untrusted: true });
export const alreadyRan: Refused = { kind: 'refused', reason: 'already_ran' };
export const down: Failed = failed('unreachable', new Error('the connection broke'));
/** A vote that has not come. */
export const out = undefined;

/** All words of a length over an alphabet. */
export function* wordsOver<T>(alphabet: readonly T[], length: number): Generator<T[]> {
  if (length === 0) return yield [];
  for (const rest of wordsOver(alphabet, length - 1)) for (const letter of alphabet) yield [...rest, letter];
}

/** All orders of 0 .. n-1. */
export function* permutationsOf(n: number): Generator<number[]> {
  if (n === 0) return yield [];
  for (const rest of permutationsOf(n - 1)) {
    for (let at = 0; at < n; at++) yield [...rest.slice(0, at), n - 1, ...rest.slice(at)];
  }
}

const shortOf = (vote: MaybeVote): string =>
  vote === undefined
    ? 'out'
    : vote.kind === 'refused'
      ? `${vote.reason}${vote.owner === undefined ? '' : ` by ${vote.owner}`}`
      : vote.kind;

/** Votes as a short text, for the message about a wrong case. */
export const inWords = (votes: readonly MaybeVote[]): string => `[${votes.map(shortOf).join(', ')}]`;
