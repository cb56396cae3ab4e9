interface Entry<T> {
  readonly item: T;
  readonly dueAt: number;
}

/** Items by the instant at which they are due: a binary heap, so that one timer serves any number of them. */
export class DueQueue<T> {
  readonly #heap: Entry<T>[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** When the next item is due; `undefined` when there is none. */
  get nextAt(): number | undefined {
    return this.#heap[0]?.dueAt;
  }

  add(item: T, dueAt: number): void {
    const heap = this.#heap;
    let hole = heap.length;
    const entry = { item, dueAt };
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      const above = heap[parent]!;
      if (above.dueAt <= dueAt) break;
      heap[hole] = above;
      hole = parent;
    }
    heap[hole] = entry;
  }

  /** Removes and returns the earliest item that is due at `now`. */
  take(now: number): T | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.dueAt > now) return undefined;
    const last = this.#heap.pop()!;
    if (this.#heap.length > 0) this.#sink(last);
    return first.item;
  }

  #sink(entry: Entry<T>): void {
    const heap = this.#heap;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.dueAt < heap[child]!.dueAt) child++;
      const below = heap[child]!;
      if (below.dueAt >= entry.dueAt) break;
      heap[hole] = below;
      hole = child;
    }
    heap[hole] = entry;
  }
}
