/** A value in its place. */
export class FifoEntry<Value> {
  before: FifoEntry<Value> | undefined;
  after: FifoEntry<Value> | undefined;
  isIn = true;

  constructor(readonly value: Value) {}
}

/**
 * Values in the order in which they came; each can leave from where it is. A Set keeps the order too, but a
 * look at its first value passes over all that were deleted before it: 100,000 that leave one after the other
 * would need five billion steps.
 */
export class Fifo<Value> {
  #first: FifoEntry<Value> | undefined;
  #last: FifoEntry<Value> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): Value | undefined {
    return this.#first?.value;
  }

  *[Symbol.iterator](): Generator<Value> {
    for (let entry = this.#first; entry !== undefined; entry = entry.after) yield entry.value;
  }

  isFirst(entry: FifoEntry<Value>): boolean {
    return this.#first === entry;
  }

  /** Adds a value at the end. */
  add(value: Value): FifoEntry<Value> {
    const entry = new FifoEntry(value);
    entry.before = this.#last;
    if (this.#last === undefined) this.#first = entry;
    else this.#last.after = entry;
    this.#last = entry;
    this.#size++;
    return entry;
  }

  /** Returns whether the entry was still there. */
  remove(entry: FifoEntry<Value>): boolean {
    if (!entry.isIn) return false;
    const { before, after } = entry;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    // One that has left must not lead to those that came later. Once it is an old object, it keeps all that
    // it leads to until all garbage is collected, although nobody uses it any more.
    entry.before = undefined;
    entry.after = undefined;
    entry.isIn = false;
    this.#size--;
    return true;
  }
}
