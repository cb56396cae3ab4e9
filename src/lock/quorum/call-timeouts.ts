import type { Clock, Timer } from '../../clock.js';

/** What waits until its time is up. */
export interface Timed {
  /** Its time is up; for one that has ended its wait, this means nothing any more. */
  timeOut(): void;
}

/** A timer that fires later than this tells that the event loop was blocked. */
const LOOP_LAG_MS = 5;

/** All whose time is up at the same millisecond. */
export class Timeout {
  /** Nobody any more once it is over: it is not to keep alive what has ended. */
  #waiting: Timed[] = [];
  #open = 0;
  #timer: Timer | undefined;

  constructor(
    private readonly clock: Clock,
    readonly dueAt: number,
  ) {
    this.#timer = clock.setTimer(() => this.#fire(), dueAt - clock.now());
  }

  get isOver(): boolean {
    return this.#timer === undefined;
  }

  add(one: Timed): void {
    this.#open++;
    this.#waiting.push(one);
  }

  /** One of them does not wait any more; to be called once for each. */
  end(): void {
    if (--this.#open > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#waiting = [];
  }

  #fire(): void {
    // A loop that was blocked runs its timers before it reads what has arrived meanwhile: read first, then judge.
    if (this.clock.now() - this.dueAt > LOOP_LAG_MS) this.#timer = this.clock.setTimer(this.#timeOut, 1);
    else this.#timeOut();
  }

  readonly #timeOut = (): void => {
    const waiting = this.#waiting;
    this.#timer = undefined;
    this.#waiting = [];
    for (const one of waiting) one.timeOut();
  };
}

/** What is asked in the same turn has one timer, and not one each. */
export class Timeouts {
  #last: Timeout | undefined;

  constructor(private readonly clock: Clock) {}

  /** Has `timed` told at this instant, or up to a millisecond later. */
  begin(timed: Timed, at: number): Timeout {
    const dueAt = Math.ceil(at);
    if (this.#last?.dueAt !== dueAt || this.#last.isOver) this.#last = new Timeout(this.clock, dueAt);
    this.#last.add(timed);
    return this.#last;
  }
}
