import { describe, expect, it } from '@jest/globals';
import { findViolation } from './find-violation.js';
import type { Invariant } from './violation.js';
import { MUTATIONS } from './mutations/mutations.js';

/** The seeds. One of their worlds must show the mistake. */
const SEEDS = Array.from({ length: 80 }, (_, index) => index + 1);

/**
 * A simulation without findings proves something only if it can find something. Each of these mistakes in the
 * algorithm or in the script violates the invariants that it names. The unchanged algorithm passes in the
 * same worlds, in simulation.test.ts.
 */
describe('mutations of the algorithm', () => {
  it.each(MUTATIONS)('the simulation finds $name', async (mutation) => {
    const { likely = 1 } = mutation;
    const finding = await findViolation(mutation, [likely, ...SEEDS.filter((seed) => seed !== likely)]);
    expect(finding).toBeDefined();
    expect(finding!.violations.map(({ invariant }) => invariant)).toEqual(
      expect.arrayContaining([expect.stringMatching(mutation.breaks.join('|'))]),
    );
  });

  it('the simulation finds no mistake in the unchanged algorithm', async () => {
    const none = { name: 'none', breaks: ['one holder' as const, 'tokens grow' as const] };
    await expect(findViolation(none, SEEDS.slice(0, 5))).resolves.toBeUndefined();
  });

  it('nothing breaks where two requests make a full batch, of which sixteen may be under way', async () => {
    const original = 'const MAX_WEIGHT = 128;';
    const edits = [
      { file: 'node/server/request-batcher.ts', original, replacement: 'const MAX_WEIGHT = 2;' },
    ];
    const breaks: Invariant[] = ['one holder', 'tokens grow', 'nothing left behind', 'one run per tick'];
    await expect(findViolation({ name: 'full', edits, breaks }, SEEDS.slice(0, 3))).resolves.toBeUndefined();
  });

  it('a mutation whose original text is not in the source is an error', async () => {
    const edits = [{ file: 'core/quorum.ts', original: 'no such text', replacement: '' }];
    await expect(findViolation({ name: 'stale', edits, breaks: [] }, [1])).rejects.toThrow('0 times');
  });
});
