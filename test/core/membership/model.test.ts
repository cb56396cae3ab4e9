import { describe, expect, it } from '@jest/globals';
import { loadMembershipRules } from './load-core.js';
import { MEMBERSHIP_MUTATIONS } from './mutations.js';
import { runWorld } from './world.js';

/** How many worlds are played with the rules as they are. */
const WORLDS = 300;

describe('clients with different and changing lists of nodes', () => {
  it('never hold the lock at once, in random worlds', () => {
    const rules = loadMembershipRules();
    let [leases, changes] = [0, 0];
    for (let seed = 1; seed <= WORLDS; seed++) {
      const result = runWorld({ seed, rules });
      expect([seed, result.violation]).toEqual([seed, undefined]);
      leases += result.leases;
      changes += result.changes;
    }
    // Otherwise the worlds would prove little.
    expect(leases).toBeGreaterThan(10 * WORLDS);
    expect(changes).toBeGreaterThan(2 * WORLDS);
  });

  it.each(MEMBERSHIP_MUTATIONS)('hold it at once in some world with this mistake: $name', (mutation) => {
    const { edits = [], flaws = {}, seed } = mutation;
    const rules = loadMembershipRules(edits);
    const seeds = [seed, ...Array.from({ length: 1_000 }, (_, index) => index + 1)];
    expect(seeds.some((one) => runWorld({ seed: one, rules, flaws }).violation !== undefined)).toBe(true);
  });

  it('a change of the rules whose original text is not in the source is an error', () => {
    const edit = { file: 'membership/plan.ts', original: 'no such text', replacement: '' };
    expect(() => loadMembershipRules([edit])).toThrow('0 times');
  });
});
