interface Register {
  highestToken: number;
  /** The latest grant, by the order of grants, whose write was accepted. */
  latestOrder: number;
}

/**
 * A store that does what the README asks of a store: it refuses a write whose token is smaller than one that it has seen.
 * Beside that, for the record, it is told which grant a write belongs to, which a real store cannot know.
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
