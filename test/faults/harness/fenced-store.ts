/**
 * A store that checks fencing tokens: it refuses a token smaller than one that it has seen for the same
 * resource.
 */
export class FencedStore {
  readonly #highest = new Map<string, number>();

  /**
   * Whether the write was accepted. A write without a token always is, because nothing shows that it is late.
   */
  write(resource: string, token: number | undefined): boolean {
    if (token === undefined) return true;
    const highest = this.#highest.get(resource) ?? 0;
    if (token < highest) return false;
    this.#highest.set(resource, token);
    return true;
  }
}
