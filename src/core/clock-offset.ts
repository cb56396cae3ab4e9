/** What an exchange with a node showed about its clock. */
export type ClockReading = 'steady' | 'stepped';

/**
 * Bounds of the difference between a node's clock and our monotonic clock.
 *
 * A request leaves at `sentAt`; the reply, with the node's time T, arrives at `receivedAt`. So the difference
 * was within [T - receivedAt, T - sentAt] when the node read its clock. At `receivedAt` the upper bound is
 * looser, by the drift on the way back. Every exchange narrows the bounds; age widens them at the drift rate.
 * An exchange that does not fit the bounds shows that the node's clock was stepped.
 */
export class ClockOffset {
  #lowestMs = Number.NEGATIVE_INFINITY;
  #highestMs = Number.POSITIVE_INFINITY;
  #observedAt = 0;

  constructor(private readonly driftFactor: number) {}

  /** Whether there was an exchange since the start, or since `reset()`. */
  get known(): boolean {
    return this.#lowestMs !== Number.NEGATIVE_INFINITY;
  }

  /** The node's time minus our monotonic time, in milliseconds: the middle between the bounds. */
  get estimateMs(): number {
    return (this.#lowestMs + this.#highestMs) / 2;
  }

  /** The distance between the bounds, in milliseconds. */
  get uncertaintyMs(): number {
    return this.#highestMs - this.#lowestMs;
  }

  /** Forgets the bounds, because our own clock stood still or jumped. */
  reset(): void {
    this.#lowestMs = Number.NEGATIVE_INFINITY;
    this.#highestMs = Number.POSITIVE_INFINITY;
  }

  /**
   * Takes in one exchange. The first two are our monotonic times, the third is the node's; all in
   * milliseconds.
   */
  observe(sentAtMs: number, receivedAtMs: number, nodeTimeMs: number): ClockReading {
    const lowest = nodeTimeMs - receivedAtMs;
    const highest = nodeTimeMs - sentAtMs + (receivedAtMs - sentAtMs) * this.driftFactor;
    const allowance = Math.abs(receivedAtMs - this.#observedAt) * this.driftFactor;
    const stepped =
      this.known && (lowest > this.#highestMs + allowance || highest < this.#lowestMs - allowance);
    this.#lowestMs = stepped ? lowest : Math.max(lowest, this.#lowestMs - allowance);
    this.#highestMs = stepped ? highest : Math.min(highest, this.#highestMs + allowance);
    this.#observedAt = receivedAtMs;
    return stepped ? 'stepped' : 'steady';
  }

  /**
   * Converts one of our instants to the node's time, by the lower bound. A deadline converted like this may
   * come too early, by up to a round trip, but never too late: the node writes nothing after the deadline.
   */
  toNodeMs(instantMs: number): number {
    return instantMs + this.#lowestMs - Math.abs(instantMs - this.#observedAt) * this.driftFactor;
  }
}

/**
 * Two clocks that are further apart than this, in milliseconds, do not agree. NTP keeps the clocks of healthy
 * servers within a tenth of it.
 */
export const APART_MS = 1_000;

/**
 * The nodes whose clocks agree with those of a majority of the members, itself included. A client without
 * history cannot see that a clock was stepped; it can only see that the clock stands apart. Less than a
 * majority proves nothing: if two clocks differ, either may be the wrong one. `offsets` are the nodes' times
 * against one clock, `undefined` where unknown.
 */
export const agreeingWithMajority = (offsets: readonly (number | undefined)[], majority: number): number[] =>
  offsets.flatMap((offset, nodeIndex) => {
    if (offset === undefined) return [];
    const near = offsets.filter((other) => other !== undefined && Math.abs(other - offset) <= APART_MS);
    return near.length >= majority ? [nodeIndex] : [];
  });

/** Wall clocks are coarse: this machine's own two clocks may move apart by so many milliseconds. */
export const OWN_JUMP_MS = 100;

/**
 * Whether one of this machine's own clocks jumped between two readings of `wallGapMs`. What was known of the
 * nodes' clocks does not hold any more.
 */
export const hasJumped = (gapMs: number, earlierGapMs: number): boolean =>
  Math.abs(gapMs - earlierGapMs) > OWN_JUMP_MS;
