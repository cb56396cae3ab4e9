import type { Clock, Stamp, Timer } from '../../src/testing/index.js';

interface Pending {
  readonly dueAt: number;
  readonly order: number;
  readonly callback: () => void;
}

/** Runs everything that is ready: promises settle, and only timers remain. */
const runReady = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * A clock that advances only when a test says so. Timers fire in the order of their instants, then in the
 * order in which they were set.
 */
export class VirtualClock implements Clock {
  #now = 1_000;
  #wallAheadMs = 1_700_000_000_000;
  #order = 0;
  readonly #pending = new Set<Pending>();

  now(): number {
    return this.#now;
  }

  stamp(): Stamp {
    return { monotonicMs: this.#now, wallMs: this.#now + this.#wallAheadMs };
  }

  /** Steps the wall clock only, as an administrator, NTP or the end of a suspension does. */
  stepWall(byMs: number): void {
    this.#wallAheadMs += byMs;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const pending = { dueAt: this.#now + Math.max(0, delayMs), order: this.#order++, callback };
    this.#pending.add(pending);
    return { cancel: () => void this.#pending.delete(pending) };
  }

  afterTurn(callback: () => void): void {
    queueMicrotask(callback);
  }

  /** The number of timers that are set. */
  get timers(): number {
    return this.#pending.size;
  }

  /** Lets time pass and fires all timers that fall due. */
  async advance(byMs: number): Promise<void> {
    const end = this.#now + byMs;
    await runReady();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#pending.delete(next);
      this.#now = Math.max(this.#now, next.dueAt);
      next.callback();
      await runReady();
    }
    this.#now = end;
  }

  /** Lets time pass without firing timers, as for a stopped process or a blocked event loop. */
  freeze(forMs: number): void {
    this.#now += forMs;
  }

  /**
   * Lets time pass until the promise has settled. Throws if that takes longer than `withinMs` of virtual
   * time.
   */
  async until<T>(promise: Promise<T>, withinMs = 600_000): Promise<T> {
    let settled = false;
    const mark = (): void => void (settled = true);
    promise.then(mark, mark);
    const end = this.#now + withinMs;
    await runReady();
    while (!settled) {
      const next = this.#next(end);
      if (next === undefined) throw new Error(`not settled within ${withinMs} ms of virtual time`);
      await this.advance(Math.max(0, next.dueAt - this.#now));
    }
    return promise;
  }

  #next(end: number): Pending | undefined {
    let next: Pending | undefined;
    for (const one of this.#pending) {
      if (one.dueAt > end) continue;
      if (
        next === undefined ||
        one.dueAt < next.dueAt ||
        (one.dueAt === next.dueAt && one.order < next.order)
      )
        next = one;
    }
    return next;
  }
}
