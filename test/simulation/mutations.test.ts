import { describe, expect, it } from '@jest/globals';
import { hunt } from './hunt.js';
import { MUTATIONS } from './mutations.js';

/** So many worlds must be enough to find each mistake. */
const SEEDS = Array.from({ length: 80 }, (_, index) => index + 1);

/**
 * A simulation that finds nothing proves something only if it would have found something. Each of these mistakes, made in
 * the algorithm or in the script, breaks what it is said to break; the unchanged algorithm lives through the same worlds
 * in simulation.test.ts.
 */
describe('the simulation finds', () => {
  it.each(MUTATIONS)('$name', async (mutation) => {
    const { likely = 1 } = mutation;
    const finding = await hunt(mutation, [likely, ...SEEDS.filter((seed) => seed !== likely)]);
    expect(finding).toBeDefined();
    expect(finding!.violations.map(({ invariant }) => invariant)).toEqual(
      expect.arrayContaining([expect.stringMatching(mutation.breaks.join('|'))]),
    );
  });

  it('no mistake where there is none', async () => {
    const none = { name: 'none', breaks: ['one holder' as const, 'tokens grow' as const] };
    await expect(hunt(none, SEEDS.slice(0, 5))).resolves.toBeUndefined();
  });

  it('that a mutation has nothing to change', async () => {
    const edits = [{ file: 'core/quorum.ts', original: 'no such text', replacement: '' }];
    await expect(hunt({ name: 'stale', edits, breaks: [] }, [1])).rejects.toThrow('0 times');
  });
});
