interface Register {
  highestToken: number;
  /**
   * The order of the latest grant with an accepted write. Grants are numbered in the order in which they
   * happen.
   */
  latestOrder: number;
}

/**
 * A store that works as the README says: it refuses a write whose token is smaller than one that it has seen.
 * For the checker it is also told what grant a write belongs to, which a real store cannot know.
 */
export class FencedStore {
  readonly #registers = new Map<string, Register>();
  accepted = 0;
  refused = 0;

  constructor(private readonly onStaleAccepted: (resource: string, detail: string) => void) {}

  write(resource: string, token: number, order: number): void {
    let register = this.#registers.get(resource);
    if (register === undefined)
      this.#registers.set(resource, (register = { highestToken: 0, latestOrder: 0 }));
    if (token < register.highestToken) {
      this.refused++;
      return;
    }
    this.accepted++;
    if (order < register.latestOrder) {
      this.onStaleAccepted(
        resource,
        `grant ${order} wrote with token ${token} after grant ${register.latestOrder}`,
      );
    }
    register.highestToken = token;
    register.latestOrder = Math.max(order, register.latestOrder);
  }
}
