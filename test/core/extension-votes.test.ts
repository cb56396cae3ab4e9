import { describe, expect, it } from '@jest/globals';
import { countersAbove, takersIn } from '../../src/core/extension-votes.js';
import type { Vote } from '../../src/core/vote.js';
import { down, granted, heldBy, out, type MaybeVote } from './votes.js';

const yes = granted();
const absent: Vote = { kind: 'refused', reason: 'absent' };
const ahead = (counter: number): Vote => ({ kind: 'refused', reason: 'superseded', counter });

describe('who took a lease', () => {
  it.each<[string, MaybeVote[], string | undefined]>([
    ['nobody while a majority may still have the key', [yes, heldBy('a'), down], undefined],
    ['nobody where nodes only failed', [down, down, down], undefined],
    ['nobody while votes are out', [heldBy('a'), out, out], undefined],
    ['nobody where the key is there under a higher counter', [ahead(7), ahead(8), yes], undefined],
    ['the owner of a majority', [heldBy('a'), heldBy('a'), yes], 'a'],
    ['all who keep it from a majority, in one order', [heldBy('b'), absent, heldBy('a')], 'a absent b'],
    ['half of an even membership, which leaves no majority', [heldBy('a'), heldBy('a'), yes, yes], 'a'],
  ])('is %s', (_claim, votes, takers) => {
    expect(takersIn(votes)).toBe(takers);
  });
});

it('the counters above are those of the nodes that have the key', () => {
  expect(countersAbove([ahead(7), yes, heldBy('a'), ahead(9), down, out])).toEqual([7, 9]);
});
