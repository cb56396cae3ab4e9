/** An item's place in a queue, by which it can be taken out again. */
export interface Due<T> {
  readonly item: T;
  /** Kept by the queue, as is the next. */
  dueAt: number;
  /** Where it stands in the heap; -1 once it is out. */
  place: number;
}

/** Items by the instant at which they are due: a binary heap, so that one timer serves any number of them. */
export class DueQueue<T> {
  readonly #heap: Due<T>[] = [];

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
    const due: Due<T> = { item, dueAt, place: this.#heap.length };
    this.#heap.push(due);
    this.#rise(due);
    return due;
  }

  /** Takes one out before it is due. Taking it out twice does nothing. */
  remove(due: Due<T>): void {
    const { place } = due;
    if (this.#heap[place] !== due) return;
    due.place = -1;
    const last = this.#heap.pop()!;
    if (last === due) return;
    this.#put(last, place);
    this.#rise(last);
    this.#sink(last);
  }

  /** Changes when one is due. Nothing happens to one that is out. */
  move(due: Due<T>, dueAt: number): void {
    if (this.#heap[due.place] !== due) return;
    due.dueAt = dueAt;
    this.#rise(due);
    this.#sink(due);
  }

  #put(due: Due<T>, place: number): void {
    this.#heap[place] = due;
    due.place = place;
  }

  #rise(due: Due<T>): void {
    while (due.place > 0) {
      const above = this.#heap[(due.place - 1) >> 1]!;
      if (above.dueAt <= due.dueAt) return;
      const { place } = due;
      this.#put(due, above.place);
      this.#put(above, place);
    }
  }

  #sink(due: Due<T>): void {
    for (;;) {
      const left = this.#heap[2 * due.place + 1];
      const right = this.#heap[2 * due.place + 2];
      const below = right !== undefined && right.dueAt < left!.dueAt ? right : left;
      if (below === undefined || below.dueAt >= due.dueAt) return;
      const { place } = due;
      this.#put(due, below.place);
      this.#put(below, place);
    }
  }
}
