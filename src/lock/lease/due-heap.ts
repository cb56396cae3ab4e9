/** An item of a heap. It knows its place, by which it is moved and removed without a search. */
export interface HeapItem {
  /** Its index in the heap. Only the heap changes it. */
  heapIndex: number;
}

/** The `heapIndex` of an item that is in no heap. */
export const IN_NO_HEAP = -1;

/**
 * The children of each item: with four there are fewer levels, and fewer of a hundred thousand items to be
 * touched.
 */
const WIDTH = 4;

/**
 * Items by the instant at which they are due, the next one first, so that one timer serves any number of
 * them. It is a heap in an array: no item is due before its parent.
 *
 * ```
 * index      0                 the next item
 *        1  2  3  4            its children
 *    5..8  9..12  13..16  17..20
 * ```
 */
export class DueHeap<Item extends HeapItem> {
  readonly #items: Item[] = [];
  /** The instants in the same order, so that they are compared without touching the items. */
  readonly #times: number[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** The item that is due next; `undefined` if there is none. */
  get next(): Item | undefined {
    return this.#items[0];
  }

  /** When it is due; infinite if there is none. */
  get nextAt(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY;
  }

  /** A copy of all items, in no order. */
  get all(): readonly Item[] {
    return [...this.#items];
  }

  /** When the item is due; `undefined` if it is not in the heap. */
  dueAtOf(item: Item): number | undefined {
    return this.#has(item) ? this.#times[item.heapIndex] : undefined;
  }

  /** From now on the item is due at this instant, whether it was in the heap before or not. */
  set(item: Item, dueAt: number): void {
    const before = this.dueAtOf(item);
    if (before === undefined) {
      item.heapIndex = this.#items.length;
      this.#items.push(item);
      this.#times.push(dueAt);
    }
    if (before === undefined || dueAt < before) this.#moveUp(item, dueAt);
    else this.#moveDown(item, dueAt);
  }

  /** Does nothing if the item is not in the heap. */
  remove(item: Item): void {
    if (!this.#has(item)) return;
    const index = item.heapIndex;
    item.heapIndex = IN_NO_HEAP;
    const last = this.#items.pop()!;
    const lastAt = this.#times.pop()!;
    if (last === item) return;
    this.#put(last, lastAt, index);
    this.#moveUp(last, lastAt);
    this.#moveDown(last, lastAt);
  }

  #has(item: Item): boolean {
    return this.#items[item.heapIndex] === item;
  }

  #put(item: Item, dueAt: number, index: number): void {
    this.#items[index] = item;
    this.#times[index] = dueAt;
    item.heapIndex = index;
  }

  /** Moves the parents down that are due later, and puts the item in their place. */
  #moveUp(item: Item, dueAt: number): void {
    let index = item.heapIndex;
    while (index > 0) {
      const parent = Math.floor((index - 1) / WIDTH);
      if (this.#times[parent]! <= dueAt) break;
      this.#put(this.#items[parent]!, this.#times[parent]!, index);
      index = parent;
    }
    this.#put(item, dueAt, index);
  }

  #moveDown(item: Item, dueAt: number): void {
    let index = item.heapIndex;
    for (;;) {
      const first = WIDTH * index + 1;
      const end = Math.min(first + WIDTH, this.#times.length);
      let least = first;
      for (let child = first + 1; child < end; child++)
        if (this.#times[child]! < this.#times[least]!) least = child;
      if (least >= end || this.#times[least]! >= dueAt) break;
      this.#put(this.#items[least]!, this.#times[least]!, index);
      index = least;
    }
    this.#put(item, dueAt, index);
  }
}
