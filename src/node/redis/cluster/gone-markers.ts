import type { RedisNode } from '../redis-node.js';

/**
 * How long a marker stays after its shard has got another one, in milliseconds. Every client reads the
 * topology within five seconds. One that has not done so would find no marker, and the shard would be in
 * quarantine for it, and then for all.
 */
const KEPT_MS = 60_000;

/** The markers that shards had, as far as this client saw it. Nobody reads them again. */
export class GoneMarkers {
  /** When each was replaced. */
  readonly #goneAt = new Map<string, number>();

  /** Takes over what has changed: these markers were in use before, and those are now. */
  follow(before: Iterable<string>, present: Iterable<string>, now: number): void {
    for (const marker of before) if (!this.#goneAt.has(marker)) this.#goneAt.set(marker, now);
    for (const marker of present) this.#goneAt.delete(marker);
  }

  /** Removes what has been gone for long enough. `serving`: the shard that has it, if it can be asked. */
  remove(
    now: number,
    serving: (marker: string) => { readonly node: Pick<RedisNode, 'removeMarker'> } | undefined,
  ): void {
    for (const [marker, goneAt] of this.#goneAt) {
      const shard = now - goneAt < KEPT_MS ? undefined : serving(marker);
      if (shard === undefined) continue;
      this.#goneAt.delete(marker);
      void shard.node.removeMarker(marker);
    }
  }
}
