import type { HeldKeys } from './held-keys.js';

/** One string for a list of resources; their names have no control characters. */
export const keyOf = (resources: readonly string[]): string =>
  resources.length === 1 ? resources[0]! : resources.join('\n');

/**
 * The keys that this process holds, from the round that won them to their release or loss. They are found by
 * their resources, and all leases by their keys: there may be a hundred thousand, so they stand in one list.
 */
export class AllHeldKeys {
  readonly #byResources = new Map<string, HeldKeys>();
  /** Keys whose resources were won once more before their lease was known to be lost. */
  readonly #outdated = new Set<HeldKeys>();

  /** The latest keys for exactly these resources. */
  get(resources: readonly string[]): HeldKeys | undefined {
    return this.#byResources.size === 0 ? undefined : this.#byResources.get(keyOf(resources));
  }

  /** All that are held for a lease. */
  *[Symbol.iterator](): Generator<HeldKeys> {
    for (const keys of this.#byResources.values()) if (keys.lease !== undefined) yield keys;
    for (const keys of this.#outdated) if (keys.lease !== undefined) yield keys;
  }

  add(keys: HeldKeys): void {
    const key = keyOf(keys.tracker.resources);
    const before = this.#byResources.get(key);
    if (before !== undefined) this.#outdated.add(before);
    this.#byResources.set(key, keys);
  }

  /** Does nothing if they are not held any more. */
  remove(keys: HeldKeys): void {
    const key = keyOf(keys.tracker.resources);
    if (this.#byResources.get(key) === keys) this.#byResources.delete(key);
    else this.#outdated.delete(keys);
  }
}
