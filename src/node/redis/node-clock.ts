import { ClockOffset, type ClockReading } from '../../core/clock-offset.js';
import type { Stamp } from '../../core/validity.js';

/** Clocks that are disciplined by NTP drift apart by 500 ppm at most; below this no step could be told from drift. */
const LEAST_DRIFT = 0.001;
/** By how much our own clocks may move apart between two exchanges before what is known of the node's is forgotten. */
const OWN_JUMP_MS = 100;

/** The node's clock, as far as exchanges with it have told. */
export class NodeClock {
  readonly #offset: ClockOffset;
  /** Our wall clock minus our monotonic clock at the last exchange. */
  #ownGapMs: number | undefined;

  constructor(driftFactor: number) {
    this.#offset = new ClockOffset(Math.max(LEAST_DRIFT, driftFactor));
  }

  /** The node's time minus our monotonic time, in milliseconds. */
  get offsetMs(): number {
    return this.#offset.estimateMs;
  }

  /** Learns from an exchange; tells whether the node's clock was stepped since the last one. */
  observe(sentAt: Stamp, receivedAt: Stamp, nodeMs: number): ClockReading {
    const ownGapMs = receivedAt.wallMs - receivedAt.monotonicMs;
    // This machine was suspended, or its own clock was stepped: that says nothing of the node's.
    if (this.#ownGapMs !== undefined && Math.abs(ownGapMs - this.#ownGapMs) > OWN_JUMP_MS)
      this.#offset.reset();
    this.#ownGapMs = ownGapMs;
    return this.#offset.observe(sentAt.monotonicMs, receivedAt.monotonicMs, nodeMs);
  }

  /** One of our instants in the node's time, in whole microseconds, never later than it really is. */
  readonly toNodeUs = (instantMs: number): number => Math.floor(this.#offset.toNodeMs(instantMs) * 1_000);
}
