import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Fifo, type FifoEntry } from '../../../src/lock/waiting/fifo.js';
import { grownOldSpace } from '../../support/old-space.js';

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
          expect([...fifo]).toEqual(expected.map((entry) => entry.value));
          for (const entry of entries) expect(fifo.isFirst(entry)).toBe(entry === expected[0]);
        }
      }),
    );
  });

  it('is not kept by values that left before it', () => {
    const fifo = new Fifo<number[]>();
    // An hour ago somebody waited: by now the entry is an old object.
    let first = fifo.add([]);
    const grown = grownOldSpace(10_000, (at) => {
      const next = fifo.add(new Array<number>(300).fill(at));
      fifo.remove(first);
      first = next;
    });
    // Each step makes 2.4 kB.
    expect(grown).toBeLessThan(6_000_000);
  });
});
