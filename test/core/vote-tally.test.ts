// slow: it walks through all orders of arrival.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { VoteTally } from '../../src/core/vote-tally.js';
import type { Vote } from '../../src/core/vote.js';
import { naiveDecidingVote, naiveVerdict } from './naive.js';
import { alreadyRan, down, granted, heldBy, inWords, permutationsOf, wordsOver } from './votes.js';

const KINDS = ['granted', 'refused', 'failed'] as const;

/** Each node's vote is an object of its own, so that what the round keeps can be told apart. */
const voteOf = (kind: Vote['kind'], nodeIndex: number): Vote =>
  kind === 'granted'
    ? granted(100 + nodeIndex)
    : kind === 'refused'
      ? heldBy(`owner ${nodeIndex}`)
      : { ...down };

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

/**
 * Plays one round and compares it, vote by vote, with the naive implementation. Each vote is handed in twice, the second
 * time as the opposite. Returns the first fault in words, or nothing.
 */
function faultOf(votes: readonly Vote[], order: readonly number[]): string | undefined {
  const members = votes.length;
  const round = new VoteTally(members);
  const arrivals = order.map((nodeIndex) => votes[nodeIndex]!);
  const kinds = arrivals.map((vote) => vote.kind);
  const deciding = naiveDecidingVote(members, kinds);
  const grantsAtDecision = arrivals.slice(0, deciding).filter((vote) => vote.kind === 'granted');
  const fault = (what: string): string => `${inWords(votes)} in the order ${order.join(', ')}: ${what}`;

  if (round.verdict !== naiveVerdict(members, [])) return fault(`begins as ${round.verdict}`);
  for (const [index, nodeIndex] of order.entries()) {
    const seen = index + 1;
    const vote = votes[nodeIndex]!;
    const verdict = round.record(nodeIndex, vote);
    const expected = naiveVerdict(members, kinds.slice(0, Math.min(seen, deciding)));
    if (verdict !== expected) return fault(`${verdict} after ${seen} votes, and not ${expected}`);
    const again = round.record(nodeIndex, vote.kind === 'granted' ? alreadyRan : granted(999));
    if (again !== verdict || round.verdict !== verdict) return fault(`a second vote of ${nodeIndex} counted`);
    if (round.votes[nodeIndex] !== vote) return fault(`the vote of ${nodeIndex} was not kept`);
  }
  const grants = round.decidingGrants;
  if (grants.length !== grantsAtDecision.length || grants.some((grant, i) => grant !== grantsAtDecision[i])) {
    return fault(
      `decided by ${grants.length} grants, and not by those ${grantsAtDecision.length} that came first`,
    );
  }
  if (round.verdict === 'won' && grants.length !== Math.floor(members / 2) + 1) {
    return fault(`won by ${grants.length} grants, which is not exactly a majority`);
  }
  return undefined;
}

function faultsOver(members: number, orders: readonly (readonly number[])[]): string[] {
  const faults: string[] = [];
  for (const kinds of wordsOver(KINDS, members)) {
    const votes = kinds.map(voteOf);
    for (const order of orders) {
      const fault = faultOf(votes, order);
      if (fault !== undefined) faults.push(fault);
    }
  }
  return faults;
}

describe('round', () => {
  it.each(range(1, 7))(
    'all 3^N patterns of %i votes are decided at the earliest vote, once, by exactly a majority',
    (members) => {
      const forth = range(0, members - 1);
      expect(faultsOver(members, [forth, [...forth].reverse()])).toEqual([]);
    },
  );

  it.each(range(1, 5))('so are all patterns of %i votes in all orders of arrival', (members) => {
    expect(faultsOver(members, [...permutationsOf(members)])).toEqual([]);
  });

  it('so are larger memberships in random orders', () => {
    const playOf = (members: number): fc.Arbitrary<{ kinds: Vote['kind'][]; order: number[] }> =>
      fc.record({
        kinds: fc.array(fc.constantFrom(...KINDS), { minLength: members, maxLength: members }),
        order: fc.shuffledSubarray(range(0, members - 1), { minLength: members }),
      });
    fc.assert(
      fc.property(fc.integer({ min: 6, max: 9 }).chain(playOf), ({ kinds, order }) => {
        expect(faultOf(kinds.map(voteOf), order)).toBeUndefined();
      }),
      { numRuns: 1_000 },
    );
  });

  it('the verdict does not depend on the order of arrival, once all votes are in', () => {
    for (const kinds of wordsOver(KINDS, 4)) {
      const verdicts = new Set(
        [...permutationsOf(4)].map((order) => {
          const round = new VoteTally(4);
          for (const nodeIndex of order) round.record(nodeIndex, voteOf(kinds[nodeIndex]!, nodeIndex));
          return round.verdict;
        }),
      );
      expect([kinds, verdicts.size]).toEqual([kinds, 1]);
    }
  });

  it('an even membership that splits 2 to 2 is lost, not pending for ever', () => {
    const round = new VoteTally(4);
    round.record(0, granted());
    round.record(1, granted());
    expect(round.record(2, heldBy('a'))).toBe('pending');
    expect(round.record(3, heldBy('a'))).toBe('lost');
  });

  it('a grant that arrives after the decision is kept but decides nothing', () => {
    const round = new VoteTally(3);
    round.record(2, granted(7));
    round.record(0, granted(5));
    expect(round.record(1, granted(9))).toBe('won');
    expect(round.decidingGrants.map((grant) => grant.counter)).toEqual([7, 5]);
    expect(round.votes[1]).toEqual(granted(9));
  });

  it('a grant that arrives after the round was lost does not turn it', () => {
    const round = new VoteTally(3);
    round.record(0, down);
    round.record(1, down);
    expect(round.record(2, granted())).toBe('lost');
  });

  it('two failures of five lose nothing: three grants still win', () => {
    const round = new VoteTally(5);
    const verdicts = [down, down, granted(), granted(), granted()].map((vote, i) => round.record(i, vote));
    expect(verdicts).toEqual(['pending', 'pending', 'pending', 'pending', 'won']);
  });

  it('shows as undefined whose vote is still out', () => {
    const round = new VoteTally(3);
    round.record(1, down);
    expect(round.votes).toEqual([undefined, down, undefined]);
  });

  it.each([-1, 3, 0.5, Number.NaN])('refuses the vote of a member that does not exist: %p', (nodeIndex) => {
    const round = new VoteTally(3);
    expect(() => round.record(nodeIndex, granted())).toThrow(RangeError);
    expect(() => round.record(nodeIndex, granted())).toThrow(`from 0 to 2, got ${nodeIndex}`);
    expect(round.verdict).toBe('pending');
  });
});
