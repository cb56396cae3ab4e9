/** The label of all locks together that have no series of their own. */
export const OTHER_LOCKS = '(other)';

/** Far more than an application declares. Each has about 115 series, or 10 kB of each scrape. */
const MOST_NAMES = 1_000;

/**
 * Which locks have series of their own. A name with an id in it would make new series without an end: they
 * would fill the memory of this process and of Prometheus.
 */
export class BoundedNames {
  readonly #names = new Set<string>();
  #hasWarned = false;

  /** Whether so many others came before this one that it has no series. The answer stays the same. */
  isBeyond(name: string): boolean {
    if (this.#names.has(name)) return false;
    if (this.#names.size < MOST_NAMES) {
      this.#names.add(name);
      return false;
    }
    if (!this.#hasWarned) this.#warn();
    return true;
  }

  #warn(): void {
    this.#hasWarned = true;
    const message =
      `metrics: there are more than ${MOST_NAMES} names of locks, and further ones are counted together as ` +
      `${OTHER_LOCKS}: do not put an id into the option name`;
    process.emitWarning(message, 'QuorlockWarning');
  }
}
