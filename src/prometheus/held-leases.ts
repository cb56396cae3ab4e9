/** What tells one lease from another in its events. */
export interface LeaseInEvents {
  readonly resources: readonly string[];
  readonly token: number | undefined;
}

/**
 * The leases whose beginning was heard. A listener that is added while leases are held hears ends without beginnings, and
 * must not count them down below what it counted up.
 */
export class HeldLeases {
  readonly #held = new Map<string, number>();

  begin(lease: LeaseInEvents): void {
    const key = keyOf(lease);
    this.#held.set(key, (this.#held.get(key) ?? 0) + 1);
  }

  /** Whether the lease had begun; false for an end without a beginning. */
  end(lease: LeaseInEvents): boolean {
    const key = keyOf(lease);
    const count = this.#held.get(key);
    if (count === undefined) return false;
    if (count > 1) this.#held.set(key, count - 1);
    else this.#held.delete(key);
    return true;
  }
}

const keyOf = ({ resources, token }: LeaseInEvents): string => JSON.stringify([token, ...resources]);
