import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { majorityOf, verdictOf, type Verdict } from '../../src/core/quorum.js';
import { naiveVerdict } from './naive.js';

describe('majorityOf', () => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [5, 3],
    [6, 4],
    [7, 4],
  ])('a majority of %i nodes is %i', (members, majority) => {
    expect(majorityOf(members)).toBe(majority);
  });

  it('any two majorities share a node, and one node fewer does not suffice', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), (members) => {
        expect(2 * majorityOf(members)).toBeGreaterThan(members);
        expect(2 * (majorityOf(members) - 1)).toBeLessThanOrEqual(members);
      }),
    );
  });

  it('a majority of N nodes and one of N + 1 share a node', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), (members) => {
        expect(majorityOf(members) + majorityOf(members + 1)).toBeGreaterThan(members + 1);
      }),
    );
  });
});

describe('verdictOf', () => {
  it.each<[string, number, number, number, Verdict]>([
    ['nothing is decided before the first vote', 3, 0, 3, 'pending'],
    ['one grant of three decides nothing', 3, 1, 2, 'pending'],
    ['two grants of three win, the third is not waited for', 3, 2, 1, 'won'],
    ['a single node decides alone', 1, 1, 0, 'won'],
    ['a single node refuses alone', 1, 0, 0, 'lost'],
    ['one refusal loses a membership of two', 2, 0, 1, 'lost'],
    [
      'an even membership that splits 2 to 2 is lost at the fourth vote, not pending for ever',
      4,
      2,
      0,
      'lost',
    ],
    ['an even membership is lost at the second refusal: three grants cannot come any more', 4, 1, 1, 'lost'],
    ['two of five grants with one vote out are open', 5, 2, 1, 'pending'],
    ['two of five grants with no vote out are lost', 5, 2, 0, 'lost'],
    ['without any node there is nothing to win', 0, 0, 0, 'lost'],
  ])('%s', (_claim, members, grants, outstanding, verdict) => {
    expect(verdictOf(members, grants, outstanding)).toBe(verdict);
  });

  it('says what trying every future says, for up to nine nodes', () => {
    for (let members = 1; members <= 9; members++) {
      for (let votes = 0; votes <= members; votes++) {
        for (let grants = 0; grants <= votes; grants++) {
          const kinds = Array.from({ length: votes }, (_, i) => (i < grants ? 'granted' : 'refused'));
          expect([members, votes, grants, verdictOf(members, grants, members - votes)]).toEqual([
            members,
            votes,
            grants,
            naiveVerdict(members, kinds),
          ]);
        }
      }
    }
  });

  it('is never pending once all votes are in', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), fc.nat(1_000), (members, grants) => {
        expect(verdictOf(members, Math.min(grants, members), 0)).not.toBe('pending');
      }),
    );
  });

  it('never goes back: a further vote changes pending into a verdict and a verdict into nothing else', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.infiniteStream(fc.boolean()),
        (members, grantedNext) => {
          let grants = 0;
          let before = verdictOf(members, 0, members);
          for (let outstanding = members - 1; outstanding >= 0; outstanding--) {
            if (grantedNext.next().value) grants++;
            const after = verdictOf(members, grants, outstanding);
            if (before !== 'pending') expect(after).toBe(before);
            before = after;
          }
        },
      ),
    );
  });
});
