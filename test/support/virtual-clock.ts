import type { Clock, Stamp, Timer } from '../../src/index.js';

interface Pending {
  readonly dueAt: number;
  readonly order: number;
  readonly callback: () => void;
}

/** Lets everything that is ready to run, run: promises settle, and nothing is left but timers. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Time that passes only when a test says so. Timers fire in the order of their instants, then of their setting. */
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

  /** Steps the wall clock alone, as an administrator, NTP or the end of a suspension does. */
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

  /** How many timers are set. */
  get timers(): number {
    return this.#pending.size;
  }

  /** Lets time pass, with everything in it that falls due. */
  async advance(byMs: number): Promise<void> {
    const end = this.#now + byMs;
    await settle();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#pending.delete(next);
      this.#now = Math.max(this.#now, next.dueAt);
      next.callback();
      await settle();
    }
    this.#now = end;
  }

  /** Lets time pass without anything running, as for a process that is stopped or a loop that is blocked. */
  freeze(forMs: number): void {
    this.#now += forMs;
  }

  /** Lets time pass until the promise has settled; throws when that takes longer than `withinMs` of virtual time. */
  async until<T>(promise: Promise<T>, withinMs = 600_000): Promise<T> {
    let settled = false;
    const mark = (): void => void (settled = true);
    promise.then(mark, mark);
    const end = this.#now + withinMs;
    await settle();
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
