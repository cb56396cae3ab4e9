import { describe, expect, it } from '@jest/globals';
import { ADOPTION_FLAWS, exploreAdoptions, type AdoptionFlaw, type Bounds } from './adoption-model.js';

const FEW: Bounds = {
  nodes: 3,
  keys: 3,
  ahead: 0,
  until: 3,
  others: ['adopts'],
  extensions: [0, 0],
  ends: 'never',
  losses: 0,
  repeats: false,
};

/** Small worlds, each about something else. All of them are visited to the last state. */
const WORLDS = {
  'a holder that extends, on two of three nodes, and one that adopts': {
    ...FEW,
    keys: 2,
    extensions: [1, 0],
    until: 4,
  },
  'one that adopts, and one that acquires': { ...FEW, others: ['adopts', 'acquires'] },
  'a holder that gives its lease away, and two that adopt': {
    ...FEW,
    others: ['adopts', 'adopts'],
    ends: 'by giving it away',
    until: 2,
  },
  'a lease that was given away, and an adoption that asks again': {
    ...FEW,
    nodes: 2,
    keys: 2,
    others: ['adopts', 'acquires'],
    ends: 'before it begins',
    repeats: true,
  },
  'an adoption that asks again': { ...FEW, repeats: true, until: 4 },
  'a node that loses its memory, and one that acquires': {
    ...FEW,
    keys: 2,
    others: ['acquires'],
    losses: 1,
    until: 1,
  },
  'a node that loses its memory, and one that adopts': {
    ...FEW,
    ends: 'before it begins',
    losses: 1,
    until: 1,
  },
  'two nodes': { ...FEW, nodes: 2, keys: 2, others: ['adopts', 'adopts'], until: 3 },
} as const satisfies Record<string, Bounds>;

/** Too large to be visited wholly: that tokens of acquisitions grow, fencing.test.ts shows. */
const ONE_NODE_AHEAD: Bounds = {
  ...FEW,
  keys: 0,
  ahead: 1,
  others: ['acquires', 'acquires'],
  ends: 'before it begins',
  until: 2,
};

/** The world that shows each mistake. */
const SHOWN_BY: Readonly<Record<AdoptionFlaw, keyof typeof WORLDS | Bounds>> = {
  'a lease is given away and goes on': 'a holder that gives its lease away, and two that adopt',
  'nobody waits for the end of the lease elsewhere': 'two nodes',
  'the wait ends with the shortest of the keys':
    'a holder that extends, on two of three nodes, and one that adopts',
  'the wait is counted from the request': 'a holder that extends, on two of three nodes, and one that adopts',
  'a key is taken from whomever has it': 'a holder that gives its lease away, and two that adopt',
  'a key that is taken is shortened': 'one that adopts, and one that acquires',
  'a lost adoption releases what its giver may still hold': 'one that adopts, and one that acquires',
  'a second request counts from itself': 'a lease that was given away, and an adoption that asks again',
  'a second request is told that nothing is left of the lease': 'an adoption that asks again',
  'an adoption does not count': 'a holder that gives its lease away, and two that adopt',
  'a token is not confirmed': ONE_NODE_AHEAD,
  'a node that forgot votes': 'a node that loses its memory, and one that acquires',
};

describe('a lease that others adopt, in all that can happen in small worlds', () => {
  it.each(Object.entries(WORLDS))('%s: one holder at a time, and tokens that grow', (_, bounds) => {
    const { states, adopted, violation } = exploreAdoptions(bounds);
    expect(violation).toBeUndefined();
    // Otherwise the world would prove little.
    expect(states).toBeGreaterThan(500);
    if (bounds.others.some((other) => other === 'adopts')) expect(adopted).toBeGreaterThan(20);
  });

  it.each(ADOPTION_FLAWS)('finds this mistake: %s', (flaw) => {
    const world = SHOWN_BY[flaw];
    const bounds = typeof world === 'string' ? WORLDS[world] : world;
    expect(exploreAdoptions(bounds, flaw).violation).toBeDefined();
  });
});
