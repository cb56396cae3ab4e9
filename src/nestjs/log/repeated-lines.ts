interface Repeated {
  written: number;
  counted: number;
}

/** How many lines of a key are written in each period. */
const MOST_LINES = 3;
const PERIOD_MS = 60_000;
export const PERIOD_S = PERIOD_MS / 1_000;

/**
 * Lets the first lines with a key pass, and counts the others of the same minute: a node that comes and goes
 * all the time fills no log.
 */
export class RepeatedLines {
  readonly #repeated = new Map<string, Repeated>();
  readonly #timers = new Set<NodeJS.Timeout>();

  /** Writes the line, or counts it. `writeCount` is called at the end of the period if lines were counted. */
  write(key: string, write: () => void, writeCount: (times: number) => void): void {
    const known = this.#repeated.get(key);
    if (known !== undefined && known.written >= MOST_LINES) {
      known.counted++;
      return;
    }
    if (known === undefined) this.#begin(key, writeCount);
    else known.written++;
    write();
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#repeated.clear();
  }

  #begin(key: string, writeCount: (times: number) => void): void {
    const repeated = { written: 1, counted: 0 };
    this.#repeated.set(key, repeated);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#repeated.delete(key);
      if (repeated.counted > 0) writeCount(repeated.counted);
    }, PERIOD_MS);
    timer.unref();
    this.#timers.add(timer);
  }
}
