import { AsyncResource } from 'node:async_hooks';
import type { Stamp } from './core/validity.js';
import { areTimersReal, LONGEST_TIMER_MS, SpareTimers, WatchedTimer } from './spare-timers.js';

/** A timer that was set. */
export interface Timer {
  /** Prevents the callback; has no effect after it. */
  cancel(): void;
}

/**
 * - `background`: it does not keep the process alive. Use it when nothing waits for the callback.
 * - `shared`: it is for many callers in turn, and set and cancelled very often. The callback does not run in
 *   the async context of whoever set it.
 * - `shared background`: both.
 */
export type TimerKind = 'background' | 'shared' | 'shared background';

/** The only source of time in this library, so that a test can control it. */
export interface Clock {
  /** The time of a clock that never steps, in milliseconds. Its zero has no meaning. */
  now(): number;
  /** The monotonic clock and the wall clock, read together. */
  stamp(): Stamp;
  /**
   * Calls back once, not before `delayMs` milliseconds have passed. Without a kind it keeps the process
   * alive, and the callback runs in the async context of the caller.
   */
  setTimer(callback: () => void, delayMs: number, kind?: TimerKind): Timer;
  /**
   * Calls back once, at the end of this turn of the event loop: what came up in the turn can be sent
   * together.
   */
  afterTurn(callback: () => void): void;
}

const spareTimers = {
  shared: new SpareTimers(),
  'shared background': new SpareTimers({ keepProcess: false }),
};

/** The clock of this machine. */
export const systemClock: Clock = {
  now: () => performance.now(),
  stamp: () => ({ monotonicMs: performance.now(), wallMs: Date.now() }),
  setTimer(callback, delayMs, kind) {
    const boundedMs = Math.min(Math.max(0, Math.ceil(delayMs)), LONGEST_TIMER_MS);
    const isShared = kind === 'shared' || kind === 'shared background';
    const isBackground = kind === 'background' || kind === 'shared background';
    const isReal = areTimersReal();
    if (isShared && isReal) return spareTimers[kind].set(callback, boundedMs);
    if (isBackground && !isReal)
      return new WatchedTimer(spareTimers['shared background'], AsyncResource.bind(callback), boundedMs);
    const timer = setTimeout(callback, boundedMs);
    if (isBackground) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  afterTurn(callback) {
    // The immediate of a test's fake timers never fires once the test has put the real ones back. So one is
    // needed whenever `setImmediate` is another function than before.
    if (turnEnds.push(callback) > 1 && laterBy === setImmediate) return;
    laterBy = setImmediate;
    setImmediate(endTurn);
  },
};

/**
 * The callbacks that wait for the end of this turn. They share one immediate, because every node of a manager
 * has a callback.
 */
let turnEnds: (() => void)[] = [];
/** The `setImmediate` that was called for this turn: another one than before if a test fakes the timers. */
let laterBy: typeof setImmediate | undefined;

/**
 * Runs the callbacks. By now the sockets that had data were read, and all promises that this data settles
 * have settled.
 */
function endTurn(): void {
  const callbacks = turnEnds;
  turnEnds = [];
  let next = 0;
  try {
    while (next < callbacks.length) callbacks[next++]!();
  } finally {
    // One of them threw. That is no reason to forget the others.
    for (const callback of callbacks.slice(next)) systemClock.afterTurn(callback);
  }
}

/** A timer that fires later than this shows that the event loop was blocked. */
const LOOP_LAG_MS = 5;

/** How many times an attended timer looks whether it is late. */
const LOOKS = 8;

/**
 * Calls back once the event loop has attended to its sockets for `delayMs` milliseconds. The time in which
 * the loop was blocked does not count, as far as it made this timer late: an answer that this process could
 * not read meanwhile was not late. Before the callback, what has arrived by then is read.
 */
export const setAttendedTimer = (
  clock: Clock,
  callback: () => void,
  delayMs: number,
  kind?: TimerKind,
): Timer => new AttendedTimer(clock, callback, delayMs / LOOKS, kind);

class AttendedTimer implements Timer {
  #looks = 0;
  #isOver = false;
  #dueAt: number;
  #timer: Timer;

  constructor(
    private readonly clock: Clock,
    private readonly callback: () => void,
    private readonly sliceMs: number,
    private readonly kind: TimerKind | undefined,
  ) {
    this.#dueAt = clock.now() + sliceMs;
    this.#timer = clock.setTimer(this.#look, sliceMs, kind);
  }

  cancel(): void {
    this.#isOver = true;
    this.#timer.cancel();
  }

  readonly #look = (): void => {
    const { clock, kind, sliceMs } = this;
    const now = clock.now();
    const isLate = now - this.#dueAt > LOOP_LAG_MS;
    if (++this.#looks < LOOKS) {
      this.#dueAt = (isLate ? now : this.#dueAt) + sliceMs;
      this.#timer = clock.setTimer(this.#look, this.#dueAt - now, kind);
    } else if (!isLate) this.#end();
    // A loop that was blocked runs its timers, this one perhaps among them, before it reads the sockets.
    else this.#timer = clock.setTimer(() => clock.afterTurn(this.#end), 1, kind);
  };

  readonly #end = (): void => {
    if (this.#isOver) return;
    this.#isOver = true;
    this.callback();
  };
}

const NS_PER_MS = 1e6;

/**
 * The instant at which `clock` was zero, in nanoseconds of `process.hrtime`, which all threads of a process
 * share. Each thread's `performance.now()` begins at its own start. A delay between the two readings makes
 * the origin too late, never too early: another thread then reads a time that is a little too early. So the
 * earliest of three readings is the best.
 */
export function originOf(clock: Clock): bigint {
  const read = (): bigint => {
    const nowNs = BigInt(Math.round(clock.now() * NS_PER_MS));
    return process.hrtime.bigint() - nowNs;
  };
  return [read(), read(), read()].reduce((least, origin) => (origin < least ? origin : least));
}

/** The clock of this machine as another thread sees it, by the origin of that thread's clock. */
export function clockFrom(origin: bigint): Clock {
  const now = (): number => Number(process.hrtime.bigint() - origin) / NS_PER_MS;
  return { ...systemClock, now, stamp: () => ({ monotonicMs: now(), wallMs: Date.now() }) };
}
