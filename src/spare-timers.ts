import { AsyncResource } from 'node:async_hooks';
import { performance } from 'node:perf_hooks';
import * as nodeTimers from 'node:timers';

/** Node's own functions, and above its own clock; the global ones may be a test's. */
const { setTimeout: setNodeTimer, clearTimeout: clearNodeTimer } = nodeTimers;

/** The longest delay of a timer of Node, in milliseconds. With a longer one it fires after 1 ms. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** So many timers of Node at most wait to be used again. More are cleared. */
const MOST_SPARE = 16;

/**
 * Whether Node's timers may be used: a test that fakes the timers has to see each of them, and may put the
 * real ones back at any time.
 */
export const areTimersReal = (): boolean => globalThis.setTimeout === setNodeTimer;

/** The async context in which Node's timers are set: that of nobody's call. */
const nobody = new AsyncResource('quorlock-timers');

/**
 * Sets timers that are nearly always cancelled. A timer of Node is not cleared with them: it waits for the
 * next one to be set, and if it fires before that one is due, it is set again for what is left. A lone lock
 * sets and cancels two in a third of a millisecond, which was a tenth of what it costs this process.
 *
 * The callbacks run outside of the async contexts of those who set them.
 */
export class SpareTimers {
  /** Whether those that are not cancelled keep the process alive. */
  readonly keepProcess: boolean;
  readonly #spare: NodeTimer[] = [];

  constructor({ keepProcess = true } = {}) {
    this.keepProcess = keepProcess;
  }

  set(callback: () => void, delayMs: number): SpareTimer {
    const dueAt = performance.now() + delayMs;
    const timer = new SpareTimer(this, callback, dueAt);
    timer.begin(this.#takeSpare(dueAt) ?? new NodeTimer(this, dueAt, delayMs));
    return timer;
  }

  /** A timer of Node serves nobody any more. */
  putBack(timer: NodeTimer): void {
    if (this.#spare.length < MOST_SPARE) this.#spare.push(timer);
    else timer.clear();
  }

  /** A spare timer has fired. */
  remove(timer: NodeTimer): void {
    this.#spare.splice(this.#spare.indexOf(timer), 1);
  }

  /** The one that was put back last, unless it fires too late. */
  #takeSpare(dueAt: number): NodeTimer | undefined {
    const last = this.#spare.at(-1);
    return last !== undefined && last.firesAt <= dueAt ? this.#spare.pop() : undefined;
  }
}

/** A timer that was set. */
export class SpareTimer {
  /** `undefined` once it was cancelled. */
  #on: NodeTimer | undefined;

  constructor(
    private readonly timers: SpareTimers,
    readonly callback: () => void,
    readonly dueAt: number,
  ) {}

  begin(on: NodeTimer): void {
    this.#on = on;
    on.serve(this);
  }

  cancel(): void {
    const on = this.#on;
    this.#on = undefined;
    if (on?.leave(this) === true) this.timers.putBack(on);
  }
}

/** How often a timer that is overdue looks whether the timers are real again. */
const LOOK_MS = 10;

/**
 * A timer that is set while the timers are not Node's: a test has faked them, or a library has wrapped them
 * for good. If the test puts the real ones back, its own never fires. So a timer of Node is set beside it,
 * and calls back if it finds the real ones when it is due. Keeps no process alive.
 */
export class WatchedTimer {
  #watch: SpareTimer;
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly timers: SpareTimers,
    private readonly callback: () => void,
    delayMs: number,
  ) {
    this.#watch = timers.set(this.#look, delayMs + LOOK_MS);
    this.#timer = setTimeout(this.#fire, delayMs).unref();
  }

  cancel(): void {
    this.#watch.cancel();
    clearTimeout(this.#timer);
  }

  readonly #fire = (): void => {
    this.cancel();
    this.callback();
  };

  readonly #look = (): void => {
    if (areTimersReal()) this.#fire();
    else this.#watch = this.timers.set(this.#look, LOOK_MS);
  };
}

/** A timer of Node, and whom it serves now. */
class NodeTimer {
  #user: SpareTimer | undefined;
  #timer: NodeJS.Timeout;
  #firesAt: number;

  constructor(
    private readonly timers: SpareTimers,
    firesAt: number,
    delayMs: number,
  ) {
    this.#firesAt = firesAt;
    const boundedMs = Math.min(delayMs, LONGEST_TIMER_MS);
    this.#timer = nobody.runInAsyncScope(setNodeTimer, undefined, this.#fire, boundedMs).unref();
  }

  get firesAt(): number {
    return this.#firesAt;
  }

  serve(user: SpareTimer): void {
    this.#user = user;
    if (this.timers.keepProcess) this.#timer.ref();
  }

  /** Gives false if it serves another one by now, or none. */
  leave(user: SpareTimer): boolean {
    if (this.#user !== user) return false;
    this.#user = undefined;
    if (this.timers.keepProcess) this.#timer.unref();
    return true;
  }

  clear(): void {
    clearNodeTimer(this.#timer);
  }

  readonly #fire = (): void => {
    const user = this.#user;
    if (user === undefined) return this.timers.remove(this);
    const leftMs = user.dueAt - performance.now();
    if (leftMs > 0) {
      this.#firesAt = user.dueAt;
      this.#timer = setNodeTimer(this.#fire, Math.min(Math.ceil(leftMs), LONGEST_TIMER_MS));
      if (!this.timers.keepProcess) this.#timer.unref();
    } else {
      this.#user = undefined;
      user.callback();
    }
  };
}
