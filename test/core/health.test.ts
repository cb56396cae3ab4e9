import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { healthOf, type HealthFacts } from '../../src/core/health.js';

const facts: HealthFacts = {
  ready: 3,
  needed: 2,
  nodes: 3,
  elsewhere: 0,
  fallbackReason: undefined,
  canFallBack: false,
  isClosed: false,
};

describe('health', () => {
  it.each([
    ['up while all nodes are ready', {}, 'up', undefined],
    ['degraded while a minority is away', { ready: 2 }, 'degraded', '2 of 3 nodes are ready'],
    ['down without a quorum', { ready: 1 }, 'down', '1 of 3 nodes is ready, and 2 are needed'],
    [
      'down without the only node',
      { ready: 0, needed: 1, nodes: 1 },
      'down',
      '0 of 1 nodes are ready, and 1 is needed',
    ],
    [
      'down where the nodes vote under another list',
      { ready: 1, elsewhere: 2 },
      'down',
      '1 of 3 nodes is ready, and 2 are needed; 2 more do not vote for this process, see membership()',
    ],
    [
      'degraded where a node is not in the list',
      { ready: 2, elsewhere: 1 },
      'degraded',
      '2 of 3 nodes are ready; 1 more does not vote for this process, see membership()',
    ],
    [
      'degraded where the list in use is longer, and no node may fail',
      { needed: 3 },
      'degraded',
      '3 of 3 nodes are ready, and all are needed: the list of nodes in use has more',
    ],
    [
      'up where the list in use is longer, and a node may fail',
      { ready: 4, needed: 3, nodes: 4 },
      'up',
      undefined,
    ],
    ['up with one node, which must not fail', { ready: 1, needed: 1, nodes: 1 }, 'up', undefined],
    ['degraded while locks exclude one process only', { ready: 0, fallbackReason: 'why' }, 'degraded', 'why'],
    [
      'degraded without a quorum where the fallback can grant, also before a lock is taken there',
      { ready: 1, canFallBack: true },
      'degraded',
      '1 of 3 nodes is ready, and 2 are needed; locks are taken in the fallback',
    ],
    ['down once it is closed', { isClosed: true }, 'down', 'the lock manager is closed'],
  ] as const)('is %s', (_, change, status, reason) => {
    expect(healthOf({ ...facts, ...change })).toEqual({ status, reason });
  });

  it('is down exactly when nothing can be locked, and has a reason unless it is up', () => {
    const anyFacts = fc.record({
      ready: fc.nat(5),
      needed: fc.constant(3),
      nodes: fc.constant(5),
      elsewhere: fc.nat(2),
      fallbackReason: fc.option(fc.constant('why'), { nil: undefined }),
      canFallBack: fc.boolean(),
      isClosed: fc.boolean(),
    });
    fc.assert(
      fc.property(anyFacts, (one) => {
        const { status, reason } = healthOf(one);
        const hasFallback = one.canFallBack || one.fallbackReason !== undefined;
        const canLock = !one.isClosed && (hasFallback || one.ready >= one.needed);
        expect(status !== 'down').toBe(canLock);
        expect(reason === undefined).toBe(status === 'up');
      }),
    );
  });
});
