import { Health } from './health.js';
import type { Rng } from './rng.js';
import type { Timeline } from './timeline.js';

/** A fault that TCP rules out, for the test of the simulation itself. */
export type NetworkFlaw = 'requests sent twice';

/** The delay of one direction, in milliseconds. */
export interface Latency {
  readonly leastMs: number;
  readonly meanJitterMs: number;
  /** The probability that a packet is lost and sent again, which takes as long as TCP's timer. */
  readonly resendChance: number;
}

const RESEND_MS = 200;

/** The link between one process and one server. All connections between them use it. */
export class Link {
  /** Multiplies every delay, as congestion does. */
  delayFactor = 1;
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
    const usual = (leastMs + this.rng.exponential(meanJitterMs)) * this.delayFactor;
    if (!this.rng.chance(resendChance)) return usual;
    // Longer than some node timeouts, so it counts as a short fault of the link.
    this.health.begin();
    this.health.end(RESEND_MS);
    return usual + RESEND_MS;
  }

  /** Nothing gets through. TCP keeps the data and sends them when the link is open again. */
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

  /** Every connection breaks. Chance decides how many of the messages in transit still arrive. */
  reset(): void {
    for (const onReset of [...this.#onReset]) onReset();
  }

  onReset(listener: () => void): () => void {
    this.#onReset.add(listener);
    return () => void this.#onReset.delete(listener);
  }

  /** How many of `count` messages in transit still arrive when the connection breaks. */
  deliveredOf(count: number): number {
    return this.rng.int(0, count);
  }
}

/** One direction of one connection. Messages arrive in the order in which they were sent. */
export class Channel {
  readonly #inTransit: (() => void)[] = [];
  #lastAt = 0;
  #held = 0;
  #isCut = false;

  constructor(private readonly link: Link) {}

  carry(deliver: () => void): void {
    if (this.#isCut) return;
    this.#inTransit.push(deliver);
    this.#schedule();
  }

  /**
   * The connection broke: the last messages in transit are lost, a random number of them, and after a lost
   * one whatever is sent. So what arrives is the beginning of what was sent.
   */
  cut(): void {
    const sent = this.#inTransit.length;
    this.#inTransit.length = this.link.deliveredOf(sent);
    this.#isCut ||= this.#inTransit.length < sent;
  }

  /** The same, and the other side learns of it. */
  hangUp(deliver: () => void): void {
    this.cut();
    this.#inTransit.push(deliver);
    this.#schedule();
  }

  /** Messages that arrived while the link was blocked are delivered now. */
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
      this.#inTransit.shift()?.();
    }
  }
}

/** Since when all these links have been healthy. */
export const linksHealthySince = (links: readonly Link[]): number =>
  Math.max(...links.map(({ health }) => health.healthySince));
