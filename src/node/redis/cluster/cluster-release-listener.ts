import type { Ear } from '../../lock-node.js';

/** Opens an ear on a shard; `undefined`: it has opened. */
type Open<Shard> = (shard: Shard, hear: (resource: string | undefined) => void) => Ear;

/**
 * Hears what any shard tells a waiter. PUBLISH goes to all servers of a Cluster, but its answer counts only those who hear it
 * at the server that publishes, and by that number it is seen whether a waiter is there: so there is an ear on every shard,
 * and what it hears of another shard's slots is left to that one's.
 */
export class ClusterEar<Shard> implements Ear {
  readonly #ears = new Map<Shard, Ear>();

  constructor(
    private readonly openOn: Open<Shard>,
    private readonly isOf: (resource: string, shard: Shard) => boolean,
    private readonly listener: (resource: string | undefined) => void,
  ) {}

  get open(): boolean {
    const ears = [...this.#ears.values()];
    return ears.length > 0 && ears.every((ear) => ear.open);
  }

  /** Listens to these shards, and to no other. */
  follow(shards: readonly Shard[]): void {
    for (const [shard, ear] of this.#ears) {
      if (shards.includes(shard)) continue;
      ear.close();
      this.#ears.delete(shard);
    }
    for (const shard of shards) {
      if (!this.#ears.has(shard))
        this.#ears.set(
          shard,
          this.openOn(shard, (resource) => this.#hear(shard, resource)),
        );
    }
  }

  close(): void {
    for (const ear of this.#ears.values()) ear.close();
    this.#ears.clear();
  }

  #hear(shard: Shard, resource: string | undefined): void {
    // That all of it can be heard is told once, by the last ear that opens.
    if (resource === undefined ? this.open : this.isOf(resource, shard)) this.listener(resource);
  }
}
