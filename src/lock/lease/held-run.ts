import type { RunNote } from '../../core/run-history.js';
import type { RunMark } from '../../core/run.js';
import type { ReleaseTerms } from '../quorum/terms.js';

/** The run that keys are held for, and whether its end is on record, for those who ask early. */
export class HeldRun {
  /** What the nodes are to remember of the run. */
  note: RunNote | undefined;
  #recorded: boolean | undefined;
  #listeners: ((recorded: boolean) => void)[] = [];

  constructor(readonly mark: RunMark) {}

  /** What the release of the keys says of its end. */
  get finish(): ReleaseTerms['finish'] {
    return { mark: this.mark, onEnd: (recorded) => this.tell(recorded) };
  }

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
