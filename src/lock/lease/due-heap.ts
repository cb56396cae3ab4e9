/** An item's index in a queue, by which it can be taken out again. */
export interface Due<T> {
  readonly item: T;
  /** Kept by the queue, as is the next. */
  dueAt: number;
  /** Where it stands in the heap; -1 once it is out. */
  index: number;
}

/** So many below each: fewer levels, and so fewer items to be touched, of which there may be a hundred thousand. */
const WIDTH = 4;

/** Items by the instant at which they are due: a heap, so that one timer serves any number of them. */
export class DueHeap<T> {
  readonly #heap: Due<T>[] = [];
  /** The instants again, in the same order: to be compared without touching the items. */
  readonly #times: number[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** The item that is due next; `undefined` when there is none. */
  get next(): Due<T> | undefined {
    return this.#heap[0];
  }

  /** All of them as they are now, in no order. */
  get all(): readonly Due<T>[] {
    return [...this.#heap];
  }

  add(item: T, dueAt: number): Due<T> {
    const due: Due<T> = { item, dueAt, index: this.#heap.length };
    this.#heap.push(due);
    this.#times.push(dueAt);
    this.#rise(due);
    return due;
  }

  /** Changes when one is due. Nothing happens to one that is out. */
  move(due: Due<T>, dueAt: number): void {
    if (this.#heap[due.index] !== due) return;
    const isLater = dueAt > due.dueAt;
    due.dueAt = dueAt;
    if (isLater) this.#sink(due);
    else this.#rise(due);
  }

  /** Takes one out before it is due. Taking it out twice does nothing. */
  remove(due: Due<T>): void {
    const { index } = due;
    if (this.#heap[index] !== due) return;
    due.index = -1;
    const last = this.#heap.pop()!;
    this.#times.pop();
    if (last === due) return;
    this.#put(last, index);
    this.#rise(last);
    this.#sink(last);
  }

  #put(due: Due<T>, index: number): void {
    this.#heap[index] = due;
    this.#times[index] = due.dueAt;
    due.index = index;
  }

  /** Moves down those that it passes, and comes to its index at last. */
  #rise(due: Due<T>): void {
    let { index } = due;
    while (index > 0) {
      const above = Math.floor((index - 1) / WIDTH);
      if (this.#times[above]! <= due.dueAt) break;
      this.#put(this.#heap[above]!, index);
      index = above;
    }
    this.#put(due, index);
  }

  #sink(due: Due<T>): void {
    let { index } = due;
    for (;;) {
      const first = WIDTH * index + 1;
      const end = Math.min(first + WIDTH, this.#times.length);
      let least = first;
      for (let other = first + 1; other < end; other++)
        if (this.#times[other]! < this.#times[least]!) least = other;
      if (least >= end || this.#times[least]! >= due.dueAt) break;
      this.#put(this.#heap[least]!, index);
      index = least;
    }
    this.#put(due, index);
  }
}
