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
  ])('a majority of %i nodes is %i', (nodeCount, majority) => {
    expect(majorityOf(nodeCount)).toBe(majority);
  });

  it('any two majorities share a node, and one node fewer does not suffice', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), (nodeCount) => {
        expect(2 * majorityOf(nodeCount)).toBeGreaterThan(nodeCount);
        expect(2 * (majorityOf(nodeCount) - 1)).toBeLessThanOrEqual(nodeCount);
      }),
    );
  });

  it('a majority of N nodes and one of N + 1 share a node', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), (nodeCount) => {
        expect(majorityOf(nodeCount) + majorityOf(nodeCount + 1)).toBeGreaterThan(nodeCount + 1);
      }),
    );
  });
});

describe('verdictOf', () => {
  it.each<[string, number, number, number, Verdict]>([
    ['nothing is decided before the first vote', 3, 0, 3, 'pending'],
    ['one grant of three decides nothing', 3, 1, 2, 'pending'],
    ['two grants of three win without the third vote', 3, 2, 1, 'won'],
    ['a single node decides alone', 1, 1, 0, 'won'],
    ['a single node refuses alone', 1, 0, 0, 'lost'],
    ['one refusal of two nodes loses', 2, 0, 1, 'lost'],
    ['four nodes that split 2 to 2 are lost at the fourth vote, not pending for ever', 4, 2, 0, 'lost'],
    ['four nodes are lost at the second refusal: three grants cannot come any more', 4, 1, 1, 'lost'],
    ['two grants of five with one vote to come are pending', 5, 2, 1, 'pending'],
    ['two grants of five with no vote to come are lost', 5, 2, 0, 'lost'],
    ['without any node there is nothing to win', 0, 0, 0, 'lost'],
  ])('%s', (_claim, nodeCount, grants, outstanding, verdict) => {
    expect(verdictOf(majorityOf(nodeCount), grants, outstanding)).toBe(verdict);
  });

  it('the verdict is what trying every future says, for up to nine nodes', () => {
    for (let nodeCount = 1; nodeCount <= 9; nodeCount++) {
      for (let votes = 0; votes <= nodeCount; votes++) {
        for (let grants = 0; grants <= votes; grants++) {
          const kinds = Array.from({ length: votes }, (_, i) => (i < grants ? 'granted' : 'refused'));
          expect([
            nodeCount,
            votes,
            grants,
            verdictOf(majorityOf(nodeCount), grants, nodeCount - votes),
          ]).toEqual([nodeCount, votes, grants, naiveVerdict(nodeCount, kinds)]);
        }
      }
    }
  });

  it('the verdict is never pending once all votes are in', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), fc.nat(1_000), (nodeCount, grants) => {
        expect(verdictOf(nodeCount, Math.min(grants, nodeCount), 0)).not.toBe('pending');
      }),
    );
  });

  it('the verdict never changes once it is won or lost', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.infiniteStream(fc.boolean()),
        (nodeCount, grantedNext) => {
          let grants = 0;
          let before = verdictOf(nodeCount, 0, nodeCount);
          for (let outstanding = nodeCount - 1; outstanding >= 0; outstanding--) {
            if (grantedNext.next().value) grants++;
            const after = verdictOf(majorityOf(nodeCount), grants, outstanding);
            if (before !== 'pending') expect(after).toBe(before);
            before = after;
          }
        },
      ),
    );
  });
});
