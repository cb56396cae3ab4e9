import { APART_MS, ClockOffset, OWN_JUMP_MS, type ClockReading } from '../../../core/clock-offset.js';
import type { Stamp } from '../../../core/validity.js';
import type { NodeState } from '../../lock-node.js';
import { moved } from '../../observable-state.js';

/** Clocks that are disciplined by NTP drift apart by 500 ppm at most; below this no step could be told from drift. */
const LEAST_DRIFT = 0.001;

/** The node's clock, as far as exchanges with it have told. */
export class NodeClock {
  readonly #offset: ClockOffset;
  /** Our wall clock minus our monotonic clock at the last exchange. */
  #ownGapMs: number | undefined;

  constructor(driftFactor: number) {
    this.#offset = new ClockOffset(Math.max(LEAST_DRIFT, driftFactor));
  }

  /** What a node's state tells of it: nothing, where an exchange took so long that it left more open than could be told apart. */
  get about(): Pick<NodeState, 'clockOffsetMs' | 'ownGapMs'> {
    if (this.#ownGapMs === undefined || !(this.#offset.uncertaintyMs <= APART_MS)) return {};
    return { clockOffsetMs: this.#offset.estimateMs, ownGapMs: this.#ownGapMs };
  }

  /** Whether a state tells it well enough, as nearly every state does: that is told without making another one. */
  isToldBy({ clockOffsetMs, ownGapMs }: NodeState): boolean {
    if (this.#ownGapMs === undefined || !(this.#offset.uncertaintyMs <= APART_MS))
      return clockOffsetMs === undefined && ownGapMs === undefined;
    return !moved(clockOffsetMs, this.#offset.estimateMs) && !moved(ownGapMs, this.#ownGapMs);
  }

  /** Learns from an exchange; tells whether the node's clock was stepped since the last one. */
  observe(sentAt: Stamp, receivedAt: Stamp, nodeMs: number): ClockReading {
    const ownGapMs = receivedAt.wallMs - receivedAt.monotonicMs;
    // This machine was suspended during the exchange, it seems: the answer may be as old as that, and wall clocks are coarse.
    const jumpMs = ownGapMs - (sentAt.wallMs - sentAt.monotonicMs);
    const suspendedMs = jumpMs > OWN_JUMP_MS ? jumpMs + OWN_JUMP_MS : 0;
    // This machine was suspended, or its own clock was stepped: that says nothing of the node's.
    if (this.#ownGapMs !== undefined && Math.abs(ownGapMs - this.#ownGapMs) > OWN_JUMP_MS)
      this.#offset.reset();
    this.#ownGapMs = ownGapMs;
    return this.#offset.observe(sentAt.monotonicMs - suspendedMs, receivedAt.monotonicMs, nodeMs);
  }

  /**
   * By how much the node's clock is ahead of ours, in whole microseconds, for deadlines up to this instant. It is never
   * more than it really is: a deadline that is passed on with it may come early, but not late.
   */
  aheadUs(untilMs: number): number {
    return Math.floor((this.#offset.toNodeMs(untilMs) - untilMs) * 1_000);
  }
}
