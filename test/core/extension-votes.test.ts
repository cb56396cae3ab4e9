import { describe, expect, it } from '@jest/globals';
import { countersAbove, takersIn } from '../../src/core/extension-votes.js';
import type { Vote } from '../../src/core/vote.js';
import { down, granted, heldBy, out, type MaybeVote } from './votes.js';

const yes = granted();
const absent: Vote = { kind: 'refused', reason: 'absent' };
const ahead = (counter: number): Vote => ({ kind: 'refused', reason: 'superseded', counter });

describe('takersIn', () => {
  it.each<[string, MaybeVote[], string | undefined]>([
    [
      'a lease was taken by nobody while a majority may still have its key',
      [yes, heldBy('a'), down],
      undefined,
    ],
    ['a lease was taken by nobody if all nodes failed', [down, down, down], undefined],
    ['a lease was taken by nobody while votes have not come', [heldBy('a'), out, out], undefined],
    [
      'a lease was taken by nobody if its key is there with a higher counter',
      [ahead(7), ahead(8), yes],
      undefined,
    ],
    ['a lease was taken by the owner of a majority', [heldBy('a'), heldBy('a'), yes], 'a'],
    [
      'a lease was taken by all owners that keep it from a majority, in one order',
      [heldBy('b'), absent, heldBy('a')],
      'a absent b',
    ],
    [
      'a lease was taken by the owner of two of four nodes, which leaves no majority',
      [heldBy('a'), heldBy('a'), yes, yes],
      'a',
    ],
  ])('%s', (_claim, votes, takers) => {
    expect(takersIn(votes)).toBe(takers);
  });
});

it('countersAbove has the counters of the nodes that have the key with a higher counter', () => {
  expect(countersAbove([ahead(7), yes, heldBy('a'), ahead(9), down, out])).toEqual([7, 9]);
});
