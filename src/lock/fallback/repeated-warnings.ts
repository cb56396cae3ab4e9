import type { Clock, Timer } from '../../clock.js';

/** How many lines are written in each period. */
const MOST_LINES = 6;
const PERIOD_MS = 60_000;

/**
 * Writes the first lines of a minute and counts the others, so that what comes and goes all the time fills no
 * log. At the end of the minute one line tells how many were left out, and how it is now.
 */
export class RepeatedWarnings {
  #since = Number.NEGATIVE_INFINITY;
  #times = 0;
  /** Set while lines are left out. */
  #timer: Timer | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly warn: (message: string) => void,
    /** The line that stands for those left out; `times` says how many, such as `7 more times in 60 s`. */
    private readonly summary: (times: string) => string,
  ) {}

  write(message: string): void {
    const now = this.clock.now();
    if (this.#timer === undefined && now - this.#since >= PERIOD_MS) {
      this.#since = now;
      this.#times = 0;
    }
    if (++this.#times <= MOST_LINES) this.warn(message);
    else this.#timer ??= this.clock.setTimer(() => this.#end(), this.#since + PERIOD_MS - now, 'background');
  }

  close(): void {
    this.#timer?.cancel();
  }

  #end(): void {
    const left = this.#times - MOST_LINES;
    this.#timer = undefined;
    this.#since = Number.NEGATIVE_INFINITY;
    this.warn(this.summary(`${left} more ${left === 1 ? 'time' : 'times'} in ${PERIOD_MS / 1_000} s`));
  }
}
