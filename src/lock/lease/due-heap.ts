/** An item of a heap. It knows its place, by which it is moved and removed without a search. */
export interface DueItem<Item> {
  /** The items that are due with it; `undefined` while it is in no heap. Only the heap changes these two. */
  due: Due<Item> | undefined;
  /** Its index among them. */
  dueIndex: number;
}

/** An instant, and the items that are due then. */
export interface Due<Item> {
  readonly dueAt: number;
  readonly items: Item[];
  /** Its index in the heap. */
  index: number;
}

/**
 * The children of each instant: with four there are fewer levels, and fewer of a thousand instants to be
 * touched.
 */
const WIDTH = 4;

/**
 * Items by the instant at which they are due, the next one first, so that one timer serves any number of
 * them. It is a heap in an array: no instant is before its parent. Leases that are extended together are due
 * together again, and are set one right after the other. So a hundred thousand items have a few dozen
 * instants, and an item moves from one to the other without a look at the rest. Items that are set at other
 * times may have an instant of their own that is equal.
 *
 * ```
 * index      0                 the next instant
 *        1  2  3  4            its children
 *    5..8  9..12  13..16  17..20
 * ```
 */
export class DueHeap<Item extends DueItem<Item>> {
  readonly #heap: Due<Item>[] = [];
  /** The one to which an item was added last. It may have been removed. */
  #latest: Due<Item> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The items that are due next; `undefined` if there are none. */
  get next(): Due<Item> | undefined {
    return this.#heap[0];
  }

  /** When they are due; infinite if there are none. */
  get nextAt(): number {
    return this.#heap[0]?.dueAt ?? Number.POSITIVE_INFINITY;
  }

  /** A copy of all items, in no order. */
  get all(): readonly Item[] {
    return this.#heap.flatMap(({ items }) => items);
  }

  /** From now on the item is due at this instant, whether it was in the heap before or not. */
  set(item: Item, dueAt: number): void {
    if (item.due?.dueAt === dueAt) return;
    this.remove(item);
    this.#size++;
    const due = this.#latest;
    if (due?.dueAt !== dueAt || due.items.length === 0) this.#add(item, dueAt);
    else {
      item.due = due;
      item.dueIndex = due.items.length;
      due.items.push(item);
    }
  }

  /** Does nothing if the item is not in the heap. */
  remove(item: Item): void {
    const { due, dueIndex } = item;
    if (due === undefined) return;
    this.#size--;
    item.due = undefined;
    const last = due.items.pop()!;
    if (last !== item) {
      due.items[dueIndex] = last;
      last.dueIndex = dueIndex;
    } else if (due.items.length === 0) this.#remove(due);
  }

  #add(item: Item, dueAt: number): void {
    const due: Due<Item> = { dueAt, items: [item], index: this.#heap.length };
    item.due = due;
    item.dueIndex = 0;
    this.#latest = due;
    this.#heap.push(due);
    this.#moveUp(due);
  }

  #remove(due: Due<Item>): void {
    const last = this.#heap.pop()!;
    if (last === due) return;
    this.#put(last, due.index);
    this.#moveUp(last);
    this.#moveDown(last);
  }

  #put(due: Due<Item>, index: number): void {
    this.#heap[index] = due;
    due.index = index;
  }

  /** Moves the parents down that are later, and puts the instant in their place. */
  #moveUp(due: Due<Item>): void {
    let { index } = due;
    while (index > 0) {
      const parent = this.#heap[Math.floor((index - 1) / WIDTH)]!;
      if (parent.dueAt <= due.dueAt) break;
      const above = parent.index;
      this.#put(parent, index);
      index = above;
    }
    this.#put(due, index);
  }

  #moveDown(due: Due<Item>): void {
    let { index } = due;
    for (;;) {
      const first = WIDTH * index + 1;
      let least = this.#heap[first];
      for (let at = first + 1; at < Math.min(first + WIDTH, this.#heap.length); at++)
        if (this.#heap[at]!.dueAt < least!.dueAt) least = this.#heap[at];
      if (least === undefined || least.dueAt >= due.dueAt) break;
      const below = least.index;
      this.#put(least, index);
      index = below;
    }
    this.#put(due, index);
  }
}
