import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Fifo, type FifoEntry } from '../../../src/lock/waiting/fifo.js';

describe('a line of values', () => {
  it('keeps the order of arrival, wherever values leave', () => {
    const step = fc.oneof(
      fc.constant('add' as const),
      fc.nat().map((at) => ({ removeAt: at })),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const fifo = new Fifo<number>();
        const entries: FifoEntry<number>[] = [];
        let expected: FifoEntry<number>[] = [];
        for (const [value, one] of steps.entries()) {
          if (one === 'add') {
            const entry = fifo.add(value);
            entries.push(entry);
            expected.push(entry);
          } else if (entries.length > 0) {
            const entry = entries[one.removeAt % entries.length]!;
            expect(fifo.remove(entry)).toBe(expected.includes(entry));
            expected = expected.filter((other) => other !== entry);
          }
          expect(fifo.first).toBe(expected[0]?.value);
          expect(fifo.size).toBe(expected.length);
          for (const entry of entries) expect(fifo.isFirst(entry)).toBe(entry === expected[0]);
        }
      }),
    );
  });
});
