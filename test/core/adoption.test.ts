import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { adoptionOutcome, giverLeftMs } from '../../src/core/adoption.js';
import type { Granted, Vote } from '../../src/core/vote.js';
import { down, granted, heldBy, untrustedHeldBy } from './votes.js';

const ABSENT: Vote = { kind: 'refused', reason: 'absent' };

describe('the outcome of an adoption that was lost', () => {
  it.each<readonly [string, readonly (Vote | undefined)[], object]>([
    ['held: one holder has a majority', [heldBy('b'), heldBy('b'), granted(1)], { kind: 'held', owner: 'b' }],
    ['gone: the keys are nowhere', [ABSENT, ABSENT, ABSENT], { kind: 'gone' }],
    ['gone: the keys are on a minority', [ABSENT, ABSENT, granted(1)], { kind: 'gone' }],
    ['gone: others have taken it apart', [heldBy('b'), heldBy('c'), granted(1)], { kind: 'gone' }],
    ['gone: one has it, and it is free elsewhere', [heldBy('b'), ABSENT, granted(1)], { kind: 'gone' }],
    ['unreachable: two nodes do not answer', [down, down, granted(1)], { kind: 'unreachable' }],
    ['unreachable: they may have it that do not answer', [ABSENT, down, down], { kind: 'unreachable' }],
    ['unreachable: a vote has not come', [ABSENT, undefined, granted(1)], { kind: 'unreachable' }],
    [
      'unreachable: a node in quarantine proves nothing',
      [ABSENT, untrustedHeldBy('b'), granted(1)],
      { kind: 'unreachable' },
    ],
  ])('%s', (_, votes, outcome) => {
    expect(adoptionOutcome(votes, 2)).toMatchObject(outcome);
  });

  it('is "unreachable" exactly as long as the keys can have a majority', () => {
    const votes = fc.array(
      fc.constantFrom<Vote | undefined>(ABSENT, heldBy('b'), down, granted(1), undefined),
      {
        minLength: 1,
        maxLength: 7,
      },
    );
    fc.assert(
      fc.property(votes, (some) => {
        const majority = Math.floor(some.length / 2) + 1;
        const canHave = some.filter((vote) => vote?.kind !== 'refused').length;
        return (adoptionOutcome(some, majority).kind === 'unreachable') === canHave >= majority;
      }),
    );
  });
});

describe('for how long the giver may hold what was taken', () => {
  const taken = (left?: number): Granted => ({
    ...granted(1),
    ...(left === undefined ? {} : { giverLeftMs: left }),
  });

  it('is as long as the longest of its keys would have lived', () => {
    expect(giverLeftMs([taken(120), taken(0), taken(4_000)])).toBe(4_000);
  });

  it('is not known where a node does not tell', () => {
    expect(giverLeftMs([taken(120), taken()])).toBeUndefined();
  });
});
