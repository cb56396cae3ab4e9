/** A store that writes are fenced by: it refuses a token smaller than one it has seen for the same resource. */
export class FencedStore {
  readonly #highest = new Map<string, number>();

  /** Whether the write was taken. A write without a token is: there is nothing to refuse it by. */
  write(resource: string, token: number | undefined): boolean {
    if (token === undefined) return true;
    const highest = this.#highest.get(resource) ?? 0;
    if (token < highest) return false;
    this.#highest.set(resource, token);
    return true;
  }
}
