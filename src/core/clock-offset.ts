/** What an exchange with a node taught about its clock. */
export type ClockReading = 'steady' | 'stepped';

/**
 * What is known of the difference between a node's clock and our monotonic one.
 *
 * An exchange that left at `sentAt` and came back at `receivedAt` with the node's time T proves that the difference lay
 * in [T - receivedAt, T - sentAt] when the node read its clock; at `receivedAt` the upper bound is looser by what the
 * clocks may have drifted apart on the way back. The bounds are narrowed by every exchange and widened with age by the
 * same rate. An exchange that does not fit them at all shows that the node's clock was stepped.
 */
export class ClockOffset {
  #lowestMs = Number.NEGATIVE_INFINITY;
  #highestMs = Number.POSITIVE_INFINITY;
  #observedAt = 0;

  constructor(private readonly driftFactor: number) {}

  get known(): boolean {
    return this.#lowestMs !== Number.NEGATIVE_INFINITY;
  }

  /** Node time minus our monotonic time, in milliseconds: the middle of what is possible. */
  get estimateMs(): number {
    return (this.#lowestMs + this.#highestMs) / 2;
  }

  /** How far apart the bounds are. */
  get uncertaintyMs(): number {
    return this.#highestMs - this.#lowestMs;
  }

  /** Forgets what is known: our own clock stood still meanwhile, or jumped. */
  reset(): void {
    this.#lowestMs = Number.NEGATIVE_INFINITY;
    this.#highestMs = Number.POSITIVE_INFINITY;
  }

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
   * One of our instants in the node's time, never later than it really is: a deadline that is passed on like this may
   * come early by a round trip, but nothing is written after it.
   */
  toNodeMs(instantMs: number): number {
    return instantMs + this.#lowestMs - Math.abs(instantMs - this.#observedAt) * this.driftFactor;
  }
}
