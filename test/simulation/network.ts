import { Health } from './health.js';
import type { Rng } from './rng.js';
import type { Timeline } from './timeline.js';

/** What a network could do that TCP does not; for the test of the simulation itself. */
export type NetworkFlaw = 'requests sent twice';

/** One way, in milliseconds. */
export interface Latency {
  readonly leastMs: number;
  readonly meanJitterMs: number;
  /** So often a packet is lost and sent again, which takes as long as TCP's timer. */
  readonly resendChance: number;
}

const RESEND_MS = 200;

/** The way between one process and one server, for all connections on it, one after the other. */
export class Link {
  /** Multiplies every delay: a congested line. */
  slowness = 1;
  #blocked = false;
  readonly #held = new Set<Channel>();
  readonly #onReset = new Set<() => void>();
  readonly health: Health;

  constructor(
    readonly timeline: Timeline,
    private readonly rng: Rng,
    private readonly latency: Latency,
  ) {
    this.health = new Health(() => timeline.now);
  }

  get blocked(): boolean {
    return this.#blocked;
  }

  delayMs(): number {
    const { leastMs, meanJitterMs, resendChance } = this.latency;
    const usual = (leastMs + this.rng.exponential(meanJitterMs)) * this.slowness;
    if (!this.rng.chance(resendChance)) return usual;
    // Longer than some node timeouts: as bad as a node that is away for a moment.
    this.health.begin();
    this.health.end(RESEND_MS);
    return usual + RESEND_MS;
  }

  /** Nothing gets through; TCP keeps what it has and sends it when the way is open again. */
  block(): void {
    this.#blocked = true;
  }

  unblock(): void {
    this.#blocked = false;
    for (const channel of this.#held) channel.flush();
    this.#held.clear();
  }

  hold(channel: Channel): void {
    this.#held.add(channel);
  }

  /** Every connection on it breaks; how much of what is under way still arrives is chance. */
  reset(): void {
    for (const onReset of [...this.#onReset]) onReset();
  }

  onReset(listener: () => void): () => void {
    this.#onReset.add(listener);
    return () => void this.#onReset.delete(listener);
  }

  /** How many of so many messages under way still arrive when the connection breaks. */
  survivors(count: number): number {
    return this.rng.int(0, count);
  }
}

/** One direction of one connection: what is put in comes out in the same order. */
export class Channel {
  readonly #underWay: (() => void)[] = [];
  #lastAt = 0;
  #held = 0;

  constructor(private readonly link: Link) {}

  carry(deliver: () => void): void {
    this.#underWay.push(deliver);
    this.#schedule();
  }

  /** The connection broke: a random rest of what is under way is lost. */
  cut(): void {
    this.#underWay.length = this.link.survivors(this.#underWay.length);
  }

  /** What arrived at the block now goes on its way. */
  flush(): void {
    for (; this.#held > 0; this.#held--) this.#schedule();
  }

  #schedule(): void {
    const { timeline } = this.link;
    this.#lastAt = Math.max(this.#lastAt, timeline.now + this.link.delayMs());
    timeline.at(this.#lastAt, () => this.#arrive());
  }

  #arrive(): void {
    if (this.link.blocked) {
      this.#held++;
      this.link.hold(this);
    } else {
      this.#underWay.shift()?.();
    }
  }
}
