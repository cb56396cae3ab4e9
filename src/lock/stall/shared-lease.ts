import type { Stamp } from '../../core/validity.js';

/** The words of a shared lease. */
const VALID_UNTIL = 0;
const MAX_COUNTER = 1;
const EXTENDED_AT = 2;
const EXTENDED_WALL = 3;
const WORDS = 4;

/** Instants are stored in µs, rounded down: a lease may end early, and never late. */
const wordOf = (ms: number): bigint => BigInt(Math.floor(ms * 1_000));
const msOf = (word: bigint): number => Number(word) / 1_000;

const OVER = 0n;
const NONE = -1n;

/**
 * What the main thread and the worker thread tell each other of a lease, in memory that both see. Each lease
 * has memory of its own that is never used again, so that a late write is never taken for another lease's.
 */
export class SharedLease {
  readonly #words: BigInt64Array;

  constructor(readonly memory = new SharedArrayBuffer(WORDS * BigInt64Array.BYTES_PER_ELEMENT)) {
    this.#words = new BigInt64Array(memory);
  }

  /** Written by the main thread: until when the lease is valid, and what counters may be raised to. */
  hold(validUntil: number, maxCounter: number | undefined): void {
    Atomics.store(this.#words, MAX_COUNTER, maxCounter === undefined ? NONE : BigInt(maxCounter));
    Atomics.store(this.#words, VALID_UNTIL, wordOf(validUntil));
  }

  /** Written by the main thread: nobody may extend the lease any more. */
  end(): void {
    Atomics.store(this.#words, VALID_UNTIL, OVER);
  }

  /** Until when the lease is valid by what the main thread wrote; `undefined` once it is over. */
  get validUntil(): number | undefined {
    const word = Atomics.load(this.#words, VALID_UNTIL);
    return word === OVER ? undefined : msOf(word);
  }

  get maxCounter(): number | undefined {
    const word = Atomics.load(this.#words, MAX_COUNTER);
    return word === NONE ? undefined : Number(word);
  }

  /** Written by the worker thread: it extended the keys on a majority at `sentAt`. */
  recordExtension(sentAt: Stamp): void {
    Atomics.store(this.#words, EXTENDED_AT, wordOf(sentAt.monotonicMs));
    Atomics.store(this.#words, EXTENDED_WALL, wordOf(sentAt.wallMs));
  }

  /**
   * When the worker thread sent its last extension. The words are read in the opposite order: between the two
   * writes of a new instant the wall clock's word is still the old one, and by it the extension is older than
   * it is, never younger.
   */
  get extendedAt(): Stamp | undefined {
    const wall = Atomics.load(this.#words, EXTENDED_WALL);
    const monotonic = Atomics.load(this.#words, EXTENDED_AT);
    return wall === 0n || monotonic === 0n ? undefined : { monotonicMs: msOf(monotonic), wallMs: msOf(wall) };
  }
}

/** When the main thread last showed that it runs. */
export class Heartbeat {
  readonly #words: BigInt64Array;

  constructor(readonly memory = new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT)) {
    this.#words = new BigInt64Array(memory);
  }

  beat(now: number): void {
    Atomics.store(this.#words, 0, wordOf(now));
  }

  get at(): number {
    return msOf(Atomics.load(this.#words, 0));
  }
}
