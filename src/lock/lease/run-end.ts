import type { RunNote } from '../../core/run-history.js';

/** Whether the end of a run is on record, for those who ask before it is certain. */
export class RunEnd {
  /** What the nodes are to remember of the run. */
  note: RunNote | undefined;
  #recorded: boolean | undefined;
  #listeners: ((recorded: boolean) => void)[] = [];

  /** Resolves when `tell` was called. */
  get recorded(): Promise<boolean> {
    if (this.#recorded !== undefined) return Promise.resolve(this.#recorded);
    return new Promise((resolve) => this.#listeners.push(resolve));
  }

  /** The first call counts. */
  tell(recorded: boolean): void {
    if (this.#recorded !== undefined) return;
    this.#recorded = recorded;
    for (const listener of this.#listeners.splice(0)) listener(recorded);
  }
}
