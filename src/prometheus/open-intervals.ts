/**
 * What has begun and not ended, of that whose beginning was heard: leases, or waits. A listener that is added in the midst
 * of it hears ends without beginnings, and must not count them down below what it counted up.
 */
export class OpenIntervals {
  readonly #going = new Map<string, number>();

  /** `key` tells one from another; one listener may hear two managers, and of them the same key twice. */
  begin(key: string): void {
    this.#going.set(key, (this.#going.get(key) ?? 0) + 1);
  }

  /** Whether it had begun; false for an end without a beginning. */
  end(key: string): boolean {
    const count = this.#going.get(key);
    if (count === undefined) return false;
    if (count > 1) this.#going.set(key, count - 1);
    else this.#going.delete(key);
    return true;
  }
}
