// slow: it walks through all orders of arrival.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { VoteTally } from '../../src/core/vote-tally.js';
import type { Vote } from '../../src/core/vote.js';
import { naiveDecidingVote, naiveVerdict } from './naive.js';
import { alreadyRan, down, granted, heldBy, inWords, permutationsOf, wordsOver } from './votes.js';

const KINDS = ['granted', 'refused', 'failed'] as const;

/** Each node's vote is its own object, so that the recorded votes can be told apart. */
const voteOf = (kind: Vote['kind'], nodeIndex: number): Vote =>
  kind === 'granted'
    ? granted(100 + nodeIndex)
    : kind === 'refused'
      ? heldBy(`owner ${nodeIndex}`)
      : { ...down };

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

/**
 * Plays one round and compares it, vote by vote, with the naive implementation. Each vote is recorded twice,
 * the second time as its opposite. Returns the first fault in words, or nothing.
 */
function faultOf(votes: readonly Vote[], order: readonly number[]): string | undefined {
  const nodeCount = votes.length;
  const tally = new VoteTally(nodeCount);
  const arrivals = order.map((nodeIndex) => votes[nodeIndex]!);
  const kinds = arrivals.map((vote) => vote.kind);
  const deciding = naiveDecidingVote(nodeCount, kinds);
  const grantsAtDecision = arrivals.slice(0, deciding).filter((vote) => vote.kind === 'granted');
  const fault = (what: string): string => `${inWords(votes)} in the order ${order.join(', ')}: ${what}`;

  if (tally.verdict !== naiveVerdict(nodeCount, [])) return fault(`begins as ${tally.verdict}`);
  for (const [index, nodeIndex] of order.entries()) {
    const seen = index + 1;
    const vote = votes[nodeIndex]!;
    const verdict = tally.record(nodeIndex, vote);
    const expected = naiveVerdict(nodeCount, kinds.slice(0, Math.min(seen, deciding)));
    if (verdict !== expected) return fault(`${verdict} after ${seen} votes, and not ${expected}`);
    const again = tally.record(nodeIndex, vote.kind === 'granted' ? alreadyRan : granted(999));
    if (again !== verdict || tally.verdict !== verdict) return fault(`a second vote of ${nodeIndex} counted`);
    if (tally.votes[nodeIndex] !== vote) return fault(`the vote of ${nodeIndex} was not kept`);
  }
  const grants = tally.decidingGrants;
  if (grants.length !== grantsAtDecision.length || grants.some((grant, i) => grant !== grantsAtDecision[i])) {
    return fault(
      `decided by ${grants.length} grants, and not by those ${grantsAtDecision.length} that came first`,
    );
  }
  if (tally.verdict === 'won' && grants.length !== Math.floor(nodeCount / 2) + 1) {
    return fault(`won by ${grants.length} grants, which is not exactly a majority`);
  }
  return undefined;
}

function faultsOver(nodeCount: number, orders: readonly (readonly number[])[]): string[] {
  const faults: string[] = [];
  for (const kinds of wordsOver(KINDS, nodeCount)) {
    const votes = kinds.map(voteOf);
    for (const order of orders) {
      const fault = faultOf(votes, order);
      if (fault !== undefined) faults.push(fault);
    }
  }
  return faults;
}

describe('VoteTally', () => {
  it.each(range(1, 7))(
    'all 3^N patterns of %i votes are decided at the earliest vote, once, by exactly a majority',
    (nodeCount) => {
      const forth = range(0, nodeCount - 1);
      expect(faultsOver(nodeCount, [forth, [...forth].reverse()])).toEqual([]);
    },
  );

  it.each(range(1, 5))(
    'all patterns of %i votes are decided like that in all orders of arrival',
    (nodeCount) => {
      expect(faultsOver(nodeCount, [...permutationsOf(nodeCount)])).toEqual([]);
    },
  );

  it('the votes of up to nine nodes are decided like that in random orders', () => {
    const playOf = (nodeCount: number): fc.Arbitrary<{ kinds: Vote['kind'][]; order: number[] }> =>
      fc.record({
        kinds: fc.array(fc.constantFrom(...KINDS), { minLength: nodeCount, maxLength: nodeCount }),
        order: fc.shuffledSubarray(range(0, nodeCount - 1), { minLength: nodeCount }),
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
          const tally = new VoteTally(4);
          for (const nodeIndex of order) tally.record(nodeIndex, voteOf(kinds[nodeIndex]!, nodeIndex));
          return tally.verdict;
        }),
      );
      expect([kinds, verdicts.size]).toEqual([kinds, 1]);
    }
  });

  it('four nodes that split 2 to 2 are lost, not pending for ever', () => {
    const tally = new VoteTally(4);
    tally.record(0, granted());
    tally.record(1, granted());
    expect(tally.record(2, heldBy('a'))).toBe('pending');
    expect(tally.record(3, heldBy('a'))).toBe('lost');
  });

  it('a grant that arrives after the decision is recorded but decides nothing', () => {
    const tally = new VoteTally(3);
    tally.record(2, granted(7));
    tally.record(0, granted(5));
    expect(tally.record(1, granted(9))).toBe('won');
    expect(tally.decidingGrants.map((grant) => grant.counter)).toEqual([7, 5]);
    expect(tally.votes[1]).toEqual(granted(9));
  });

  it('a grant that arrives after the round was lost does not win it', () => {
    const tally = new VoteTally(3);
    tally.record(0, down);
    tally.record(1, down);
    expect(tally.record(2, granted())).toBe('lost');
  });

  it('two failures of five lose nothing: three grants still win', () => {
    const tally = new VoteTally(5);
    const verdicts = [down, down, granted(), granted(), granted()].map((vote, i) => tally.record(i, vote));
    expect(verdicts).toEqual(['pending', 'pending', 'pending', 'pending', 'won']);
  });

  it('its counts include the votes after the decision', () => {
    const tally = new VoteTally(5);
    [down, granted(), heldBy('a'), down, down].forEach((vote, i) => tally.record(i, vote));
    expect(tally.verdict).toBe('lost');
    expect([tally.countGrants(), tally.countAnswers()]).toEqual([1, 2]);
    const won = new VoteTally(3);
    [granted(), granted(), granted()].forEach((vote, i) => won.record(i, vote));
    expect([won.countGrants(), won.countAnswers()]).toEqual([3, 3]);
  });

  it('a vote that has not come is undefined and is not counted', () => {
    const tally = new VoteTally(3);
    tally.record(1, down);
    expect(tally.votes).toEqual([undefined, down, undefined]);
    expect(tally.countAnswers()).toBe(0);
  });

  it.each([-1, 3, 0.5, Number.NaN])('the vote of a node that does not exist is refused: %p', (nodeIndex) => {
    const tally = new VoteTally(3);
    expect(() => tally.record(nodeIndex, granted())).toThrow(RangeError);
    expect(() => tally.record(nodeIndex, granted())).toThrow(`from 0 to 2, got ${nodeIndex}`);
    expect(tally.verdict).toBe('pending');
  });
});
