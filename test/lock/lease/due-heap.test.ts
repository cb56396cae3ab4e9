import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DueHeap, type DueItem } from '../../../src/lock/lease/due-heap.js';
import { NaiveQueue } from '../../core/naive.js';

interface Named<T> extends DueItem<Named<T>> {
  readonly name: T;
}

const named = <T>(name: T): Named<T> => ({ name, due: undefined, dueIndex: 0 });

/** Adds an item, and gives it back. */
function add<T>(heap: DueHeap<Named<T>>, name: T, dueAt: number): Named<T> {
  const item = named(name);
  heap.set(item, dueAt);
  return item;
}

/** Removes the first item that is due at `now`. */
function take<T>(heap: DueHeap<Named<T>>, now: number): T | undefined {
  const item = heap.nextAt > now ? undefined : heap.next?.items[0];
  if (item === undefined) return undefined;
  heap.remove(item);
  return item.name;
}

describe('DueHeap', () => {
  it('a new heap is empty', () => {
    const heap = new DueHeap<Named<string>>();
    expect([heap.size, heap.nextAt, take(heap, Number.POSITIVE_INFINITY)]).toEqual([
      0,
      Number.POSITIVE_INFINITY,
      undefined,
    ]);
  });

  it('the items that are due come earliest first, and the others stay', () => {
    const heap = new DueHeap<Named<string>>();
    add(heap, 'third', 30);
    add(heap, 'first', 10);
    add(heap, 'second', 20);
    expect(take(heap, 9)).toBeUndefined();
    expect([take(heap, 25), take(heap, 25), take(heap, 25)]).toEqual(['first', 'second', undefined]);
    expect([heap.size, heap.nextAt]).toEqual([1, 30]);
  });

  it('an item is due at its very instant', () => {
    const heap = new DueHeap<Named<string>>();
    add(heap, 'now', 10);
    expect(take(heap, 10)).toBe('now');
    expect(heap.size).toBe(0);
  });

  it('an item that is set again is there once, and due at its new instant', () => {
    const heap = new DueHeap<Named<string>>();
    const [first, second] = [add(heap, 'first', 10), add(heap, 'second', 20), add(heap, 'third', 30)];
    heap.set(first, 40);
    heap.set(second, 5);
    expect([heap.size, first.due?.dueAt, second.due?.dueAt, heap.nextAt]).toEqual([3, 40, 5, 5]);
    expect([take(heap, 99), take(heap, 99), take(heap, 99)]).toEqual(['second', 'third', 'first']);
  });

  it('an item that is removed before it is due is gone, until it is set again', () => {
    const heap = new DueHeap<Named<string>>();
    add(heap, 'first', 10);
    const second = add(heap, 'second', 20);
    add(heap, 'third', 30);
    heap.remove(second);
    expect([heap.size, second.due?.dueAt]).toEqual([2, undefined]);
    expect([take(heap, 99), take(heap, 99), take(heap, 99)]).toEqual(['first', 'third', undefined]);
    heap.set(second, 20);
    expect(take(heap, 99)).toBe('second');
  });

  it('removing an item a second time does nothing', () => {
    const heap = new DueHeap<Named<string>>();
    const given = add(heap, 'given', 10);
    const removed = add(heap, 'removed', 20);
    add(heap, 'kept', 30);
    take(heap, 10);
    heap.remove(removed);
    heap.remove(removed);
    heap.remove(given);
    expect([heap.size, heap.nextAt, take(heap, 99)]).toEqual([1, 30, 'kept']);
  });

  it('the heap does what a naive list does, whatever is set and removed', () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ addAt: fc.nat(30) }) },
      { weight: 2, arbitrary: fc.record({ takeAt: fc.nat(30) }) },
      { weight: 2, arbitrary: fc.record({ remove: fc.nat() }) },
      { weight: 2, arbitrary: fc.record({ set: fc.nat(), to: fc.nat(30) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const heap = new DueHeap<Named<number>>();
        const naive = new NaiveQueue();
        const added: Named<number>[] = [];
        for (const [name, next] of steps.entries()) {
          if ('addAt' in next) {
            added.push(add(heap, name, next.addAt));
            naive.add(name, next.addAt);
          } else if ('remove' in next) {
            // Any item that was ever added, also one that was removed long ago.
            const item = added[next.remove % added.length];
            if (item === undefined) continue;
            heap.remove(item);
            naive.remove(item.name);
          } else if ('set' in next) {
            const item = added[next.set % added.length];
            if (item === undefined) continue;
            heap.set(item, next.to);
            naive.remove(item.name);
            naive.add(item.name, next.to);
          } else {
            const candidates = naive.candidates(next.takeAt);
            const taken = take(heap, next.takeAt);
            if (taken === undefined) expect(candidates).toEqual([]);
            else {
              expect(candidates).toContain(taken);
              naive.remove(taken);
            }
          }
          expect([heap.size, heap.nextAt]).toEqual([naive.size, naive.nextAt ?? Number.POSITIVE_INFINITY]);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('removing the next item again and again sorts them', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), (dues) => {
        const heap = new DueHeap<Named<number>>();
        for (const due of dues) add(heap, due, due);
        const taken = dues.map(() => take(heap, Number.MAX_VALUE));
        expect(taken).toEqual([...dues].sort((a, b) => a - b));
        expect(heap.size).toBe(0);
      }),
    );
  });
});
