/** Bytes on their way: in which order, and when they arrive. */

/** What the proxy and its ticker share: a number that changes with each order, and the instant to wake at. */
export const wordsOf = (
  shared: SharedArrayBuffer,
): { readonly changes: Int32Array; readonly due: Float64Array } => ({
  changes: new Int32Array(shared, 0, 1),
  due: new Float64Array(shared, 8, 1),
});

export const SHARED_BYTES = 16;

/** Bytes for `to`, which arrive at `atMs`. */
export interface Parcel<To> {
  readonly to: To;
  readonly bytes: Buffer;
  readonly atMs: number;
}

/**
 * The parcels of all connections. Those with the same delay arrive in the order in which they were sent, so a
 * queue for each delay is always sorted.
 */
export class Road<To> {
  readonly #queues = new Map<number, { parcels: Parcel<To>[]; next: number }>();

  send(to: To, bytes: Buffer, delayMs: number, nowMs: number): void {
    const queue = this.#queues.get(delayMs) ?? { parcels: [], next: 0 };
    this.#queues.set(delayMs, queue);
    queue.parcels.push({ to, bytes, atMs: nowMs + delayMs });
  }

  /** When the next parcel arrives; `undefined` if none is under way. */
  get nextMs(): number | undefined {
    let first: number | undefined;
    for (const { parcels, next } of this.#queues.values()) {
      const atMs = parcels[next]?.atMs;
      if (atMs !== undefined && (first === undefined || atMs < first)) first = atMs;
    }
    return first;
  }

  /** Takes what has arrived by `nowMs`. */
  *arrived(nowMs: number): Generator<Parcel<To>> {
    for (const queue of this.#queues.values()) {
      for (;;) {
        const parcel = queue.parcels[queue.next];
        if (parcel === undefined || parcel.atMs > nowMs) break;
        queue.next++;
        yield parcel;
      }
      // A queue is cut when most of it is history, so that taking a parcel costs the same however long it is.
      if (queue.next > queue.parcels.length / 2) {
        queue.parcels.splice(0, queue.next);
        queue.next = 0;
      }
    }
  }
}

/** How late parcels were: a count for each hundredth of a millisecond. */
export class Lateness {
  readonly #counts = new Uint32Array(10_000);
  #sum = 0;

  add(lateMs: number): void {
    const at = Math.min(this.#counts.length - 1, Math.max(0, Math.round(lateMs * 100)));
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sum++;
  }

  /** The lateness in ms that this share of the parcels did not exceed. */
  at(share: number): number {
    let seen = 0;
    for (const [at, count] of this.#counts.entries()) {
      seen += count;
      if (count > 0 && seen >= this.#sum * share) return at / 100;
    }
    return 0;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#sum = 0;
  }
}
