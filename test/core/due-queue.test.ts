import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DueQueue } from '../../src/core/due-queue.js';
import { NaiveQueue } from './naive.js';

describe('due queue', () => {
  it('is empty at first', () => {
    const queue = new DueQueue<string>();
    expect([queue.size, queue.nextAt, queue.take(Number.POSITIVE_INFINITY)]).toEqual([
      0,
      undefined,
      undefined,
    ]);
  });

  it('gives out what is due, the earliest first, and keeps the rest', () => {
    const queue = new DueQueue<string>();
    queue.add('third', 30);
    queue.add('first', 10);
    queue.add('second', 20);
    expect(queue.take(9)).toBeUndefined();
    expect([queue.take(25), queue.take(25), queue.take(25)]).toEqual(['first', 'second', undefined]);
    expect([queue.size, queue.nextAt]).toEqual([1, 30]);
  });

  it('gives out an item at the very instant at which it is due', () => {
    const queue = new DueQueue<string>();
    queue.add('now', 10);
    expect(queue.take(10)).toBe('now');
    expect(queue.size).toBe(0);
  });

  it('holds an item as often as it was added', () => {
    const queue = new DueQueue<string>();
    queue.add('twice', 1);
    queue.add('twice', 2);
    expect([queue.take(3), queue.take(3), queue.take(3)]).toEqual(['twice', 'twice', undefined]);
  });

  it('does what the naive queue does, whatever is added and taken', () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ addAt: fc.nat(30) }) },
      { weight: 2, arbitrary: fc.record({ takeAt: fc.nat(30) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const queue = new DueQueue<number>();
        const naive = new NaiveQueue();
        for (const [item, next] of steps.entries()) {
          if ('addAt' in next) {
            queue.add(item, next.addAt);
            naive.add(item, next.addAt);
          } else {
            const candidates = naive.candidates(next.takeAt);
            const taken = queue.take(next.takeAt);
            if (taken === undefined) expect(candidates).toEqual([]);
            else {
              expect(candidates).toContain(taken);
              naive.remove(taken);
            }
          }
          expect([queue.size, queue.nextAt]).toEqual([naive.size, naive.nextAt]);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('empties in order: taking everything sorts', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), (dues) => {
        const queue = new DueQueue<number>();
        for (const due of dues) queue.add(due, due);
        const taken = dues.map(() => queue.take(Number.MAX_VALUE));
        expect(taken).toEqual([...dues].sort((a, b) => a - b));
        expect(queue.size).toBe(0);
      }),
    );
  });
});
