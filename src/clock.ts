import type { Stamp } from './core/validity.js';

/** A timer that has been set. */
export interface Timer {
  cancel(): void;
}

/**
 * Time enters the library here and nowhere else, so that a test can own it.
 */
export interface Clock {
  /** Milliseconds on a clock that never steps. */
  now(): number;
  /** Both clocks, read together. */
  stamp(): Stamp;
  /**
   * Calls back once, not before `delayMs` have passed. A `background` timer does not keep the process alive:
   * use it where nobody waits for the outcome.
   */
  setTimer(callback: () => void, delayMs: number, background?: 'background'): Timer;
  /** Calls back once, soon, when all that is going on has run: what arises together can be sent together. */
  afterTurn(callback: () => void): void;
}

/** The longest delay that `setTimeout` takes; above it Node fires after 1 ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => performance.now(),
  stamp: () => ({ monotonicMs: performance.now(), wallMs: Date.now() }),
  setTimer(callback, delayMs, background) {
    const timer = setTimeout(callback, Math.min(Math.max(0, Math.ceil(delayMs)), LONGEST_TIMER_MS));
    if (background) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  // Behind the sockets that have something to be read, and behind all promises that settle by that.
  afterTurn: (callback) => void setImmediate(callback),
};

const NS_PER_MS = 1e6;

/**
 * Where the clock stands at zero, on the clock that all threads of a process share: performance.now() counts from the start of
 * each thread. Whoever is held up between the two readings gets an origin that is too late, never one that is too early:
 * then another thread takes an instant for earlier than it was.
 */
export function originOf(clock: Clock): bigint {
  const read = (): bigint => {
    const nowNs = BigInt(Math.round(clock.now() * NS_PER_MS));
    return process.hrtime.bigint() - nowNs;
  };
  return [read(), read(), read()].reduce((least, origin) => (origin < least ? origin : least));
}

/** The clock of the machine as the thread has it that told its origin. */
export function clockFrom(origin: bigint): Clock {
  const now = (): number => Number(process.hrtime.bigint() - origin) / NS_PER_MS;
  return { ...systemClock, now, stamp: () => ({ monotonicMs: now(), wallMs: Date.now() }) };
}
