import type { Stamp } from '../../core/validity.js';

const VALID_UNTIL = 0;
const MAX_COUNTER = 1;
const EXTENDED_AT = 2;
const EXTENDED_WALL = 3;
const WORDS = 4;

/** Instants are kept in µs, rounded down: a lease may end early, and never late. */
const wordOf = (ms: number): bigint => BigInt(Math.floor(ms * 1_000));
const msOf = (word: bigint): number => Number(word) / 1_000;

const OVER = 0n;
const NONE = -1n;

/**
 * What the lease and its stand-in in another thread tell each other, in memory that both see. Each lease has a cell of its own
 * and none is used twice, so that a word that comes late is never taken for another lease's.
 */
export class SharedLease {
  readonly #words: BigInt64Array;

  constructor(readonly memory = new SharedArrayBuffer(WORDS * BigInt64Array.BYTES_PER_ELEMENT)) {
    this.#words = new BigInt64Array(memory);
  }

  /** The lease's own word: until when it is valid, and what counters may be raised to. */
  hold(validUntil: number, maxCounter: number | undefined): void {
    Atomics.store(this.#words, MAX_COUNTER, maxCounter === undefined ? NONE : BigInt(maxCounter));
    Atomics.store(this.#words, VALID_UNTIL, wordOf(validUntil));
  }

  /** Nobody may extend the lease any more. */
  end(): void {
    Atomics.store(this.#words, VALID_UNTIL, OVER);
  }

  /** Until when the lease is valid by its own word; `undefined` once it is over. */
  get validUntil(): number | undefined {
    const word = Atomics.load(this.#words, VALID_UNTIL);
    return word === OVER ? undefined : msOf(word);
  }

  get maxCounter(): number | undefined {
    const word = Atomics.load(this.#words, MAX_COUNTER);
    return word === NONE ? undefined : Number(word);
  }

  /** The stand-in's word: a majority has extended the lease, and was asked at that instant. */
  recordExtension(sentAt: Stamp): void {
    Atomics.store(this.#words, EXTENDED_AT, wordOf(sentAt.monotonicMs));
    Atomics.store(this.#words, EXTENDED_WALL, wordOf(sentAt.wallMs));
  }

  /**
   * The instant of the last extension by the stand-in. Read in the order against that of writing: between the two words of a
   * new instant the wall clock's is still the old one, and by it the lease is older than it is, never younger.
   */
  get extendedAt(): Stamp | undefined {
    const wall = Atomics.load(this.#words, EXTENDED_WALL);
    const monotonic = Atomics.load(this.#words, EXTENDED_AT);
    return wall === 0n || monotonic === 0n ? undefined : { monotonicMs: msOf(monotonic), wallMs: msOf(wall) };
  }
}

/** When the main thread was last seen to run. */
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
