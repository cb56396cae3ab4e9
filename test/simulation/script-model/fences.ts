import { impossibleCounter, isPossibleCounter } from '../../../src/core/fencing.js';
import type { Operation, Server } from './operation.js';
import { numberIn } from './words.js';

/** The life of a fence key where the flaw makes it shorter than a second's difference of clocks. */
const FLAWED_FENCE_MS = 40;

/** The life of a key with a tick on record. */
export const LEDGER_MS = 7 * 24 * 3_600_000;

/** What a fence key holds. */
export interface Fence {
  readonly counter: number | undefined;
  readonly tick: number | undefined;
}

/** The fence keys of a server: fencing counters, and the latest ticks. */
export class Fences {
  constructor(
    private readonly server: Server,
    /** How long a fence key lives. */
    private readonly fenceMs: number,
  ) {}

  /** Throws where the key holds something else. */
  read(fence: string): Fence {
    const value = this.server.keyspace.get(fence) ?? '';
    const [counter, tick] = value.split(':').map(numberIn);
    if (Number.isNaN(counter)) throw new Error(`${fence} holds something that is no fencing counter`);
    return { counter, tick };
  }

  /** The same where the counter is to be believed. */
  readPossible(fence: string): Fence {
    const found = this.read(fence);
    this.failIfImpossible(found.counter, fence);
    return found;
  }

  /** Throws where counting cannot have led to this counter. */
  failIfImpossible(counter: number | undefined, fence: string): void {
    const { nowUs, flaw } = this.server;
    if (flaw === 'any counter believed' || counter === undefined) return;
    if (!isPossibleCounter(counter, nowUs / 1_000)) throw new Error(impossibleCounter(fence));
  }

  get #fenceMs(): number {
    return this.server.flaw === 'fence key that lives too short' ? FLAWED_FENCE_MS : this.fenceMs;
  }

  /** Counters below this go on from the time: old data, or a key that was given its life long ago. */
  get #lowest(): number {
    const { nowUs, memory, flaw } = this.server;
    const halfLife = nowUs - this.#fenceMs * 500;
    return flaw === 'old counter believed' ? halfLife : Math.max(halfLife, memory.anewUs);
  }

  /** An old counter may have come back with old data: then it is only a lower bound. */
  counterToGoOnFrom(fence: string, seed: number): number {
    const { counter } = this.read(fence);
    if (counter !== undefined && counter >= this.#lowest) return counter;
    return Math.max(counter ?? 0, this.#clamped(seed));
  }

  /** Whether a grant of one resource only counts, so that the fence key is not given its life anew. */
  isCountedUp(operation: Operation, tokens: number): boolean {
    const [[, fence]] = operation.pairs as [readonly [string, string]];
    const { counter, tick } = this.read(fence);
    return (
      operation.pairs.length === 1 &&
      counter !== undefined &&
      tick === undefined &&
      counter >= this.#lowest &&
      isPossibleCounter(counter + tokens, this.server.nowUs / 1_000)
    );
  }

  /** Whether an extension finds keys and counters as the last one left them: then it writes no counter. */
  isAsLeft(operation: Operation, holder: string, bound: string, maxCounter: number | undefined): boolean {
    const { keyspace } = this.server;
    return (
      maxCounter !== undefined &&
      maxCounter >= this.#lowest &&
      operation.pairs.every(([lock, fence]) => keyspace.get(lock) === holder && keyspace.get(fence) === bound)
    );
  }

  /** A fence key lives for its time after it was written, longer with a tick on record. */
  write(fence: string, news: Partial<Fence>): void {
    const { counter = 0, tick } = { ...this.read(fence), ...news };
    const value = tick === undefined ? `${counter}` : `${counter}:${tick}`;
    this.server.keyspace.set(fence, value, tick === undefined ? this.#fenceMs : LEDGER_MS);
  }

  #clamped(seed: number): number {
    const { nowUs, flaw } = this.server;
    if (flaw === 'counter seeded with 0') return 0;
    return Math.min(Math.max(seed, nowUs - 1_000_000), nowUs + 1_000_000);
  }
}
