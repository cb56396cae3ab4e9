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
   * One of them that does not stand in the list. Where a process holds one lease at a time, nearly always
   * all: a map makes a new table whenever its only entry comes and goes.
   */
  #lone: HeldKeys | undefined;
  readonly #list: HeldKeys[] = [];
  /**
   * Indexes by the resources, and not the keys themselves. A table that a map has replaced leads to the one
   * after it, so an old one keeps all that stood in those after it until all garbage is collected.
   */
  readonly #indexes = new Map<string, number>();
  /** Keys whose resources were won once more before their lease was known to be lost. */
  readonly #outdated = new Set<HeldKeys>();

  /** The latest keys for exactly these resources. */
  get(resources: readonly string[]): HeldKeys | undefined {
    if (this.#lone === undefined && this.#indexes.size === 0) return undefined;
    const key = keyOf(resources);
    return this.#loneFor(key) ?? this.#listed(key);
  }

  /**
   * All that are held for a lease. They may be removed meanwhile: one that moves has been met, or will be.
   */
  *[Symbol.iterator](): Generator<HeldKeys> {
    if (this.#lone?.lease !== undefined) yield this.#lone;
    for (let index = this.#list.length - 1; index >= 0; index--) {
      const keys = this.#list[index];
      if (keys?.lease !== undefined) yield keys;
    }
    for (const keys of this.#outdated) if (keys.lease !== undefined) yield keys;
  }

  add(keys: HeldKeys): void {
    const key = keyOf(keys.tracker.resources);
    const lone = this.#loneFor(key);
    const index = this.#indexes.get(key);
    if (lone !== undefined) {
      this.#outdated.add(lone);
      this.#lone = keys;
    } else if (index !== undefined) {
      this.#outdated.add(this.#list[index]!);
      this.#list[index] = keys;
    } else if (this.#lone === undefined && this.#indexes.size === 0) this.#lone = keys;
    else this.#indexes.set(key, this.#list.push(keys) - 1);
  }

  /** Does nothing if they are not held any more. */
  remove(keys: HeldKeys): void {
    if (this.#lone === keys) {
      this.#lone = undefined;
      return;
    }
    const key = keyOf(keys.tracker.resources);
    const index = this.#indexes.get(key);
    if (index === undefined || this.#list[index] !== keys) {
      this.#outdated.delete(keys);
      return;
    }
    this.#indexes.delete(key);
    const last = this.#list.pop()!;
    if (last === keys) return;
    this.#list[index] = last;
    this.#indexes.set(keyOf(last.tracker.resources), index);
  }

  #listed(key: string): HeldKeys | undefined {
    const index = this.#indexes.get(key);
    return index === undefined ? undefined : this.#list[index];
  }

  #loneFor(key: string): HeldKeys | undefined {
    const lone = this.#lone;
    return lone !== undefined && keyOf(lone.tracker.resources) === key ? lone : undefined;
  }
}
