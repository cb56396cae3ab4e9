import { APART_MS, ClockOffset, hasJumped, OWN_JUMP_MS, type ClockReading } from '../../core/clock-offset.js';
import { wallGapMs, type Stamp } from '../../core/validity.js';
import type { NodeState } from '../node-state.js';
import { hasMoved } from '../observable-state.js';

/** NTP lets clocks drift apart by 500 ppm at most. Below this factor a step could not be told from drift. */
const LEAST_DRIFT = 0.001;

/** What the exchanges with a node have told of its clock. */
export class NodeClock {
  readonly #offset: ClockOffset;
  /** This machine's wall clock minus its monotonic clock at the last exchange. */
  #ownGapMs: number | undefined;

  constructor(driftFactor: number) {
    this.#offset = new ClockOffset(Math.max(LEAST_DRIFT, driftFactor));
  }

  /** The clock's part of the node's state. Empty while the offset is not known closely enough. */
  get about(): Pick<NodeState, 'clockOffsetMs' | 'ownGapMs'> {
    if (this.#ownGapMs === undefined || !(this.#offset.uncertaintyMs <= APART_MS)) return {};
    return { clockOffsetMs: this.#offset.estimateMs, ownGapMs: this.#ownGapMs };
  }

  /**
   * Whether a state says the same as `about`. Nearly every state does, and this check makes no new object.
   */
  isToldBy({ clockOffsetMs, ownGapMs }: NodeState): boolean {
    if (this.#ownGapMs === undefined || !(this.#offset.uncertaintyMs <= APART_MS))
      return clockOffsetMs === undefined && ownGapMs === undefined;
    return !hasMoved(clockOffsetMs, this.#offset.estimateMs) && !hasMoved(ownGapMs, this.#ownGapMs);
  }

  /** Learns from an exchange, and tells whether the node's clock was stepped since the last one. */
  observe(sentAt: Stamp, receivedAt: Stamp, nodeMs: number): ClockReading {
    const ownGapMs = wallGapMs(receivedAt);
    // A gap that grew during the exchange means that this machine was suspended: the answer may be as old as
    // the gap. OWN_JUMP_MS is added because wall clocks are coarse.
    const jumpMs = ownGapMs - wallGapMs(sentAt);
    const suspendedMs = jumpMs > OWN_JUMP_MS ? jumpMs + OWN_JUMP_MS : 0;
    // This machine was suspended, or its own clock was stepped. That says nothing of the node's clock.
    if (this.#ownGapMs !== undefined && hasJumped(ownGapMs, this.#ownGapMs)) this.#offset.reset();
    this.#ownGapMs = ownGapMs;
    return this.#offset.observe(sentAt.monotonicMs - suspendedMs, receivedAt.monotonicMs, nodeMs);
  }

  /**
   * By how much the node's clock is ahead of ours, in whole microseconds, for deadlines up to this instant.
   * It is never more than the real difference: a deadline that is passed on with it may come early, but not
   * late.
   */
  aheadUs(untilMs: number): number {
    return Math.floor((this.#offset.toNodeMs(untilMs) - untilMs) * 1_000);
  }
}
