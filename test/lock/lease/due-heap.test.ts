import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DueHeap, type Due } from '../../../src/lock/lease/due-heap.js';
import { NaiveQueue } from '../../core/naive.js';

/** Removes the first item that is due at `now`. */
function take<T>(queue: DueHeap<T>, now: number): T | undefined {
  const { next } = queue;
  if (next === undefined || next.dueAt > now) return undefined;
  queue.remove(next);
  return next.item;
}

describe('DueHeap', () => {
  it('a new heap is empty', () => {
    const queue = new DueHeap<string>();
    expect([queue.size, queue.next?.dueAt, take(queue, Number.POSITIVE_INFINITY)]).toEqual([
      0,
      undefined,
      undefined,
    ]);
  });

  it('the items that are due come earliest first, and the others stay', () => {
    const queue = new DueHeap<string>();
    queue.add('third', 30);
    queue.add('first', 10);
    queue.add('second', 20);
    expect(take(queue, 9)).toBeUndefined();
    expect([take(queue, 25), take(queue, 25), take(queue, 25)]).toEqual(['first', 'second', undefined]);
    expect([queue.size, queue.next?.dueAt]).toEqual([1, 30]);
  });

  it('an item is due at its very instant', () => {
    const queue = new DueHeap<string>();
    queue.add('now', 10);
    expect(take(queue, 10)).toBe('now');
    expect(queue.size).toBe(0);
  });

  it('an item that is added twice is there twice', () => {
    const queue = new DueHeap<string>();
    queue.add('twice', 1);
    queue.add('twice', 2);
    expect([take(queue, 3), take(queue, 3), take(queue, 3)]).toEqual(['twice', 'twice', undefined]);
  });

  it('an item that is removed before it is due is gone', () => {
    const queue = new DueHeap<string>();
    queue.add('first', 10);
    const second = queue.add('second', 20);
    queue.add('third', 30);
    queue.remove(second);
    expect(queue.size).toBe(2);
    expect([take(queue, 99), take(queue, 99), take(queue, 99)]).toEqual(['first', 'third', undefined]);
  });

  it('removing an item a second time does nothing', () => {
    const queue = new DueHeap<string>();
    const given = queue.add('given', 10);
    const removed = queue.add('removed', 20);
    queue.add('kept', 30);
    take(queue, 10);
    queue.remove(removed);
    queue.remove(removed);
    queue.remove(given);
    expect([queue.size, queue.next?.dueAt, take(queue, 99)]).toEqual([1, 30, 'kept']);
  });

  it('an item that is moved is due at its new instant, unless it was removed', () => {
    const queue = new DueHeap<string>();
    const [first, second, third] = [queue.add('first', 10), queue.add('second', 20), queue.add('third', 30)];
    queue.remove(second);
    for (const [due, dueAt] of [
      [first, 40],
      [second, 5],
      [third, 35],
    ] as const)
      queue.move(due, dueAt);
    expect([queue.size, queue.next?.dueAt]).toEqual([2, 35]);
    expect([take(queue, 99), take(queue, 99)]).toEqual(['third', 'first']);
  });

  it('the heap does what a naive list does, whatever is added, moved and removed', () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ addAt: fc.nat(30) }) },
      { weight: 2, arbitrary: fc.record({ takeAt: fc.nat(30) }) },
      { weight: 2, arbitrary: fc.record({ remove: fc.nat() }) },
      { weight: 2, arbitrary: fc.record({ move: fc.nat(), to: fc.nat(30) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const queue = new DueHeap<number>();
        const naive = new NaiveQueue();
        const added: Due<number>[] = [];
        for (const [item, next] of steps.entries()) {
          if ('addAt' in next) {
            added.push(queue.add(item, next.addAt));
            naive.add(item, next.addAt);
          } else if ('remove' in next) {
            // Any item that was ever added, also one that was removed long ago.
            const due = added[next.remove % added.length];
            if (due === undefined) continue;
            queue.remove(due);
            naive.remove(due.item);
          } else if ('move' in next) {
            const due = added[next.move % added.length];
            if (due === undefined) continue;
            queue.move(due, next.to);
            naive.move(due.item, next.to);
          } else {
            const candidates = naive.candidates(next.takeAt);
            const taken = take(queue, next.takeAt);
            if (taken === undefined) expect(candidates).toEqual([]);
            else {
              expect(candidates).toContain(taken);
              naive.remove(taken);
            }
          }
          expect([queue.size, queue.next?.dueAt]).toEqual([naive.size, naive.nextAt]);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('removing the next item again and again sorts them', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), (dues) => {
        const queue = new DueHeap<number>();
        for (const due of dues) queue.add(due, due);
        const taken = dues.map(() => take(queue, Number.MAX_VALUE));
        expect(taken).toEqual([...dues].sort((a, b) => a - b));
        expect(queue.size).toBe(0);
      }),
    );
  });
});
