interface PossibleKey {
  /** How many calls may set the key, or leave it, now. */
  busy: number;
  /** Until when the key may remain. */
  until: number;
}

/** Which resources the nodes may have keys of, for one client: a key of any other is left behind. */
export class PossibleKeys {
  readonly #keys = new Map<string, PossibleKey>();

  constructor(private readonly now: () => number) {}

  /** A call begins that may set or leave keys. */
  begin(resources: readonly string[]): void {
    for (const resource of resources) this.#keyOf(resource).busy++;
  }

  end(resources: readonly string[]): void {
    for (const resource of resources) this.#keyOf(resource).busy--;
  }

  mayRemain(resources: readonly string[], forMs: number): void {
    const until = this.now() + forMs;
    for (const resource of resources) {
      const key = this.#keyOf(resource);
      key.until = Math.max(key.until, until);
    }
  }

  mayExist(resource: string, graceMs: number): boolean {
    const { busy, until } = this.#keyOf(resource);
    return busy > 0 || until + graceMs > this.now();
  }

  #keyOf(resource: string): PossibleKey {
    let key = this.#keys.get(resource);
    if (key === undefined) this.#keys.set(resource, (key = { busy: 0, until: 0 }));
    return key;
  }
}
