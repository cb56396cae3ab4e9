/**
 * The leases or the waits that have begun and not ended. A listener that subscribes late hears ends without a
 * beginning. It must not count those down, or its gauge would fall below what it counted up.
 */
export class OpenIntervals {
  readonly #counts = new Map<string, number>();

  /** `key` identifies the interval. One listener may hear two managers, so the same key may be open twice. */
  begin(key: string): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  /** Ends an interval. False for an end without a beginning. */
  end(key: string): boolean {
    const count = this.#counts.get(key);
    if (count === undefined) return false;
    if (count > 1) this.#counts.set(key, count - 1);
    else this.#counts.delete(key);
    return true;
  }
}
