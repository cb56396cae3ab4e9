import type { ReleaseListener } from '../../lock-node.js';

/** Opens a listener on a shard. `onMessage` gets `undefined` when it has opened. */
type Open<Shard> = (shard: Shard, onMessage: (resource: string | undefined) => void) => ReleaseListener;

/**
 * Hears what any shard announces to a waiter.
 *
 * PUBLISH goes to all servers of a Cluster, but its reply counts only the subscribers at the server that
 * publishes, and by that number the script knows whether a waiter is there. So there is a listener on every
 * shard, and each passes on only what is about the slots of its own shard.
 */
export class ClusterReleaseListener<Shard> implements ReleaseListener {
  readonly #listeners = new Map<Shard, ReleaseListener>();

  constructor(
    private readonly openOn: Open<Shard>,
    private readonly isServedBy: (resource: string, shard: Shard) => boolean,
    private readonly listener: (resource: string | undefined) => void,
  ) {}

  get open(): boolean {
    const listeners = [...this.#listeners.values()];
    return listeners.length > 0 && listeners.every((listener) => listener.open);
  }

  /** Listens to these shards, and to no other. */
  follow(shards: readonly Shard[]): void {
    for (const [shard, listener] of this.#listeners) {
      if (shards.includes(shard)) continue;
      listener.close();
      this.#listeners.delete(shard);
    }
    for (const shard of shards) {
      if (this.#listeners.has(shard)) continue;
      const listener = this.openOn(shard, (resource) => this.#onMessage(shard, resource));
      this.#listeners.set(shard, listener);
    }
  }

  close(): void {
    for (const listener of this.#listeners.values()) listener.close();
    this.#listeners.clear();
  }

  #onMessage(shard: Shard, resource: string | undefined): void {
    // That all shards can be heard is told once, by the last listener that opens.
    if (resource === undefined ? this.open : this.isServedBy(resource, shard)) this.listener(resource);
  }
}
