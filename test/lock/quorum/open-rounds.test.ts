import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { KeyTracker } from '../../../src/lock/quorum/key-tracker.js';
import { OpenRounds } from '../../../src/lock/quorum/open-rounds.js';

it('rounds that were opened and not ended are open, each with its terms', () => {
  const step = fc.oneof(fc.constant('add' as const), fc.nat());
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const rounds = new OpenRounds();
      const added: KeyTracker[] = [];
      const expected = new Map<KeyTracker, number>();
      for (const [id, next] of steps.entries()) {
        if (next === 'add') {
          const tracker = new KeyTracker([`r:${id}`], `holder ${id}`, 3);
          added.push(tracker);
          rounds.add(tracker, { id, ttlMs: 1_000, nodeTimeoutMs: 50 });
          expected.set(tracker, id);
        } else {
          // Any round that was ever opened, also one that has ended.
          const tracker = added[next % added.length];
          if (tracker === undefined) continue;
          rounds.remove(tracker);
          expected.delete(tracker);
        }
        const open = new Map<KeyTracker, number>();
        rounds.forEach((tracker, terms) => void open.set(tracker, terms.id));
        expect(open).toEqual(expected);
      }
    }),
  );
});
