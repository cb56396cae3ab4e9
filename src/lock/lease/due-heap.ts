/** An item in a heap. By this object it is moved and removed. */
export interface Due<T> {
  readonly item: T;
  /** Kept by the heap, as is `index`. */
  dueAt: number;
  /** Its index in the heap; -1 once it is removed. */
  index: number;
}

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
export class DueHeap<T> {
  readonly #heap: Due<T>[] = [];
  /** The instants in the same order, so that they are compared without touching the items. */
  readonly #times: number[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** The item that is due next; `undefined` if there is none. */
  get next(): Due<T> | undefined {
    return this.#heap[0];
  }

  /** A copy of all items, in no order. */
  get all(): readonly Due<T>[] {
    return [...this.#heap];
  }

  add(item: T, dueAt: number): Due<T> {
    const due: Due<T> = { item, dueAt, index: this.#heap.length };
    this.#heap.push(due);
    this.#times.push(dueAt);
    this.#moveUp(due);
    return due;
  }

  /** Changes when an item is due. Does nothing if it is removed. */
  move(due: Due<T>, dueAt: number): void {
    if (this.#heap[due.index] !== due) return;
    const isLater = dueAt > due.dueAt;
    due.dueAt = dueAt;
    if (isLater) this.#moveDown(due);
    else this.#moveUp(due);
  }

  /** Does nothing if it is removed already. */
  remove(due: Due<T>): void {
    const { index } = due;
    if (this.#heap[index] !== due) return;
    due.index = -1;
    const last = this.#heap.pop()!;
    this.#times.pop();
    if (last === due) return;
    this.#put(last, index);
    this.#moveUp(last);
    this.#moveDown(last);
  }

  #put(due: Due<T>, index: number): void {
    this.#heap[index] = due;
    this.#times[index] = due.dueAt;
    due.index = index;
  }

  /** Moves the parents down that are due later, and puts the item in their place. */
  #moveUp(due: Due<T>): void {
    let { index } = due;
    while (index > 0) {
      const parent = Math.floor((index - 1) / WIDTH);
      if (this.#times[parent]! <= due.dueAt) break;
      this.#put(this.#heap[parent]!, index);
      index = parent;
    }
    this.#put(due, index);
  }

  #moveDown(due: Due<T>): void {
    let { index } = due;
    for (;;) {
      const first = WIDTH * index + 1;
      const end = Math.min(first + WIDTH, this.#times.length);
      let least = first;
      for (let child = first + 1; child < end; child++)
        if (this.#times[child]! < this.#times[least]!) least = child;
      if (least >= end || this.#times[least]! >= due.dueAt) break;
      this.#put(this.#heap[least]!, index);
      index = least;
    }
    this.#put(due, index);
  }
}
