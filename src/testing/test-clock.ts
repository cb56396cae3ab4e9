import type { Clock, Timer } from '../clock.js';
import type { Stamp } from '../core/validity.js';
import { nextTurn } from './event-loop.js';

interface Pending {
  readonly dueAt: number;
  readonly callback: () => void;
}

/** Far above zero, so that nothing that is a while ago has a negative time. */
const START_MS = 1_000_000;

/** A clock that is told no number stops for good: whoever waits for it hangs. */
function checkSpan(name: string, spanMs: unknown): void {
  if (!Number.isFinite(spanMs) || Number(spanMs) < 0)
    throw new RangeError(`${name} must be a finite number from 0, got ${String(spanMs)}`);
}

/**
 * A clock that stands still until a test turns it. It needs no timers of the machine, so that it works under
 * the fake timers of Jest, Vitest and node:test, and without them.
 */
export class TestClock implements Clock {
  #nowMs = START_MS;
  #wallAheadMs: number;
  /** In the order in which they were set. */
  readonly #pending = new Set<Pending>();

  /** `wallMs`: the time of day that it begins with, in milliseconds since 1970; by default now. */
  constructor(wallMs: number = Date.now()) {
    if (!Number.isFinite(wallMs)) throw new RangeError(`wallMs must be a finite number, got ${wallMs}`);
    this.#wallAheadMs = wallMs - START_MS;
  }

  now(): number {
    return this.#nowMs;
  }

  stamp(): Stamp {
    return { monotonicMs: this.#nowMs, wallMs: this.#nowMs + this.#wallAheadMs };
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const pending = { dueAt: this.#nowMs + Math.max(0, delayMs), callback };
    this.#pending.add(pending);
    return { cancel: () => void this.#pending.delete(pending) };
  }

  afterTurn(act: () => void): void {
    void Promise.resolve().then(act);
  }

  /**
   * Lets this many milliseconds pass. Timers fire in the order in which they are due, and what they cause
   * happens before the next one fires. Resolves when all of that has happened.
   */
  async advance(byMs: number): Promise<void> {
    checkSpan('byMs', byMs);
    const endMs = this.#nowMs + byMs;
    await nextTurn();
    while (await this.#fireNext(endMs));
    this.#nowMs = Math.max(this.#nowMs, endMs);
  }

  /**
   * Lets time pass until the condition is met, `withinMs` at most. Returns whether it is met. The condition
   * is asked after every timer.
   */
  async advanceUntil(isMet: () => boolean, withinMs: number): Promise<boolean> {
    const endMs = this.#nowMs + withinMs;
    await nextTurn();
    while (!isMet() && (await this.#fireNext(endMs)));
    return isMet();
  }

  /**
   * Lets time pass without firing timers, as if the process had been stopped. They fire at the next
   * `advance`.
   */
  freeze(forMs: number): void {
    checkSpan('forMs', forMs);
    this.#nowMs += forMs;
  }

  /** Steps the time of day only, as an administrator or a time server does. */
  stepWall(byMs: number): void {
    if (!Number.isFinite(byMs)) throw new RangeError(`byMs must be a finite number, got ${String(byMs)}`);
    this.#wallAheadMs += byMs;
  }

  /** Fires the timer that is due next, if it is due by then. Returns whether there was one. */
  async #fireNext(endMs: number): Promise<boolean> {
    let next: Pending | undefined;
    for (const one of this.#pending)
      if (one.dueAt <= endMs && (next === undefined || one.dueAt < next.dueAt)) next = one;
    if (next === undefined) return false;
    this.#pending.delete(next);
    this.#nowMs = Math.max(this.#nowMs, next.dueAt);
    next.callback();
    await nextTurn();
    return true;
  }
}
