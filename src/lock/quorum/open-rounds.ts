import type { KeyTracker } from './key-tracker.js';
import type { CallTerms } from './terms.js';

/**
 * The acquire rounds that are not over, by their keys. There are a few hundred at most, and nearly always the
 * oldest ends first. So a search in an array costs less than a map, which makes a new table whenever its only
 * entry comes and goes.
 */
export class OpenRounds {
  readonly #trackers: KeyTracker[] = [];
  readonly #terms: CallTerms[] = [];

  add(tracker: KeyTracker, terms: CallTerms): void {
    this.#trackers.push(tracker);
    this.#terms.push(terms);
  }

  /** Does nothing if it is not open. */
  remove(tracker: KeyTracker): void {
    const at = this.#trackers.indexOf(tracker);
    if (at < 0) return;
    const [lastTracker, lastTerms] = [this.#trackers.pop()!, this.#terms.pop()!];
    if (at === this.#trackers.length) return;
    this.#trackers[at] = lastTracker;
    this.#terms[at] = lastTerms;
  }

  forEach(visit: (tracker: KeyTracker, terms: CallTerms) => void): void {
    for (let at = 0; at < this.#trackers.length; at++) visit(this.#trackers[at]!, this.#terms[at]!);
  }
}
