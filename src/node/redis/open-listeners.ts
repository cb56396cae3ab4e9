import type { Ear } from '../lock-node.js';

/** The ears of a node: each is forgotten when whoever opened it closes it, and the node closes those that are left. */
export class Ears<Kind extends Ear> {
  readonly #open = new Set<Kind>();

  /** What whoever opens it gets. */
  add(ear: Kind): Ear {
    this.#open.add(ear);
    return {
      get open() {
        return ear.open;
      },
      close: () => {
        this.#open.delete(ear);
        ear.close();
      },
    };
  }

  forEach(then: (ear: Kind) => void): void {
    this.#open.forEach(then);
  }

  close(): void {
    this.forEach((ear) => ear.close());
  }
}

/** That of a node which has left. */
export const NO_EAR: Ear = { open: false, close: () => undefined };
