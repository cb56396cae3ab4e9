import type { ReleaseListener } from '../../lock-node.js';

/** Opens an ear on a shard; `undefined`: it has opened. */
type Open<Shard> = (shard: Shard, hear: (resource: string | undefined) => void) => ReleaseListener;

/**
 * Hears what any shard tells a waiter. PUBLISH goes to all servers of a Cluster, but its answer counts only those who hear it
 * at the server that publishes, and by that number it is seen whether a waiter is there: so there is an ear on every shard,
 * and what it hears of another shard's slots is left to that one's.
 */
export class ClusterReleaseListener<Shard> implements ReleaseListener {
  readonly #listeners = new Map<Shard, ReleaseListener>();

  constructor(
    private readonly openOn: Open<Shard>,
    private readonly isOf: (resource: string, shard: Shard) => boolean,
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
      if (!this.#listeners.has(shard))
        this.#listeners.set(
          shard,
          this.openOn(shard, (resource) => this.#hear(shard, resource)),
        );
    }
  }

  close(): void {
    for (const listener of this.#listeners.values()) listener.close();
    this.#listeners.clear();
  }

  #hear(shard: Shard, resource: string | undefined): void {
    // That all of it can be heard is told once, by the last ear that opens.
    if (resource === undefined ? this.open : this.isOf(resource, shard)) this.listener(resource);
  }
}
