import type { HeldKeys } from './held-keys.js';

/** One string for a list of resources; their names have no control characters. */
export const keyOf = (resources: readonly string[]): string =>
  resources.length === 1 ? resources[0]! : resources.join('\n');

/**
 * The keys that this process holds, from the round that won them to their release or loss. They are found by
 * their resources, and all leases by their keys: there may be a hundred thousand, so they stand in one list.
 */
export class AllHeldKeys {
  /**
   * One of them that does not stand in the map. Where a process holds one lease at a time, nearly always all:
   * a map makes a new table whenever its only entry comes and goes.
   */
  #lone: HeldKeys | undefined;
  readonly #byResources = new Map<string, HeldKeys>();
  /** Keys whose resources were won once more before their lease was known to be lost. */
  readonly #outdated = new Set<HeldKeys>();

  /** The latest keys for exactly these resources. */
  get(resources: readonly string[]): HeldKeys | undefined {
    if (this.#lone === undefined && this.#byResources.size === 0) return undefined;
    const key = keyOf(resources);
    return this.#loneFor(key) ?? this.#byResources.get(key);
  }

  /** All that are held for a lease. */
  *[Symbol.iterator](): Generator<HeldKeys> {
    if (this.#lone?.lease !== undefined) yield this.#lone;
    for (const keys of this.#byResources.values()) if (keys.lease !== undefined) yield keys;
    for (const keys of this.#outdated) if (keys.lease !== undefined) yield keys;
  }

  add(keys: HeldKeys): void {
    const key = keyOf(keys.tracker.resources);
    const lone = this.#loneFor(key);
    const before = lone ?? this.#byResources.get(key);
    if (before !== undefined) this.#outdated.add(before);
    if (lone !== undefined || (this.#lone === undefined && this.#byResources.size === 0)) this.#lone = keys;
    else this.#byResources.set(key, keys);
  }

  /** Does nothing if they are not held any more. */
  remove(keys: HeldKeys): void {
    if (this.#lone === keys) {
      this.#lone = undefined;
      return;
    }
    const key = keyOf(keys.tracker.resources);
    if (this.#byResources.get(key) === keys) this.#byResources.delete(key);
    else this.#outdated.delete(keys);
  }

  #loneFor(key: string): HeldKeys | undefined {
    const lone = this.#lone;
    return lone !== undefined && keyOf(lone.tracker.resources) === key ? lone : undefined;
  }
}
