import { setAttendedTimer, type Clock, type Timer } from '../../clock.js';

/** Something that waits until its time is up. */
export interface Timed {
  /** Its time is up. It may have ended its wait before; then it does nothing. */
  timeOut(): void;
}

/**
 * One timer for everything whose time is up at the same millisecond. The time in which this process stood
 * still does not count: the nodes may have answered in it, and their answers may not have been read.
 */
export class Timeout {
  /** Empty once it is over, so that it keeps nothing alive that has ended. */
  #waiting: Timed[] = [];
  #open = 0;
  #timer: Timer | undefined;

  constructor(
    clock: Clock,
    readonly dueAt: number,
  ) {
    this.#timer = setAttendedTimer(clock, this.#timeOut, dueAt - clock.now(), 'shared');
  }

  get isOver(): boolean {
    return this.#timer === undefined;
  }

  add(timed: Timed): void {
    this.#open++;
    this.#waiting.push(timed);
  }

  /** One of them does not wait any more; to be called once for each. */
  end(): void {
    if (--this.#open > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#waiting = [];
  }

  readonly #timeOut = (): void => {
    const waiting = this.#waiting;
    this.#timer = undefined;
    this.#waiting = [];
    for (const timed of waiting) timed.timeOut();
  };
}

/** Calls that begin in the same turn, with the same node timeout, share one timer. */
export class Timeouts {
  #last: Timeout | undefined;

  constructor(private readonly clock: Clock) {}

  /** Calls `timed.timeOut` at this instant, or up to a millisecond later. */
  begin(timed: Timed, at: number): Timeout {
    const dueAt = Math.ceil(at);
    if (this.#last?.dueAt !== dueAt || this.#last.isOver) this.#last = new Timeout(this.clock, dueAt);
    this.#last.add(timed);
    return this.#last;
  }
}
