import { SILENCE_MS } from './connection.js';

/**
 * Notices a server that is silent for `SILENCE_MS` although something is under way. One timer serves until it
 * fires, whatever is asked and answered meanwhile: to set one for each command costs as much as to encode it.
 */
export class SilenceWatch {
  readonly #onSilence: (error: Error) => void;
  #underWay = 0;
  #heardAt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(onSilence: (error: Error) => void) {
    this.#onSilence = onSilence;
  }

  /** Something is under way; `heard` is to be called once for it. */
  asked(): void {
    // While others are under way, their silence counts.
    if (this.#underWay++ === 0) this.#heardAt = performance.now();
    if (this.#timer === undefined) this.#watchFor(SILENCE_MS);
  }

  /** The server has answered. */
  heard(): void {
    // With nothing under way there is no silence to measure, and a lone lock would read the clock ten times.
    if (--this.#underWay > 0) this.#heardAt = performance.now();
  }

  /** Nothing is under way any more: the connection has ended. */
  end(): void {
    this.#underWay = 0;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #watchFor(delayMs: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#underWay === 0) return;
      const leftMs = this.#heardAt + SILENCE_MS - performance.now();
      if (leftMs > 1) this.#watchFor(leftMs);
      else this.#onSilence(new Error(`the server was silent for ${SILENCE_MS} ms`));
    }, delayMs);
    this.#timer.unref();
  }
}
