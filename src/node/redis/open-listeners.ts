import type { ReleaseListener } from '../lock-node.js';

/** The ears of a node: each is forgotten when whoever opened it closes it, and the node closes those that are left. */
export class OpenListeners<Kind extends ReleaseListener> {
  readonly #open = new Set<Kind>();

  /** What whoever opens it gets. */
  add(listener: Kind): ReleaseListener {
    this.#open.add(listener);
    return {
      get open() {
        return listener.open;
      },
      close: () => {
        this.#open.delete(listener);
        listener.close();
      },
    };
  }

  forEach(then: (listener: Kind) => void): void {
    this.#open.forEach(then);
  }

  close(): void {
    this.forEach((listener) => listener.close());
  }
}

/** That of a node which has left. */
export const NO_LISTENER: ReleaseListener = { open: false, close: () => undefined };
