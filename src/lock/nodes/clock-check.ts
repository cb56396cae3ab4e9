import type { Clock } from '../../clock.js';
import { agreeingWithMajority, OWN_JUMP_MS } from '../../core/clock-offset.js';
import type { LockNode } from '../../node/lock-node.js';

/**
 * Compares the nodes' clocks at the first contact, when no step could have been seen, and again when nothing is known any
 * more because our own clocks moved apart. One that a majority does not agree with was stepped, for all that we know, and
 * has expired keys early. From then on each node is held to its own past.
 */
export class ClockCheck {
  readonly #vouched = new Set<number>();
  readonly #apart = new Set<number>();
  #gapMs: number;

  constructor(
    private readonly nodes: readonly LockNode[],
    private readonly clock: Clock,
    private readonly majority: number,
  ) {
    this.#gapMs = this.#ownGap();
  }

  /** Whether so many clocks are known that a majority could vote, although no majority agrees. */
  get undecided(): boolean {
    return this.#vouched.size < this.majority && this.#known() >= this.majority;
  }

  /** Looks again. While nodes are still expected (`patient`) clocks without a majority to compare them with are not judged. */
  look(patient: boolean): void {
    const gapMs = this.#ownGap();
    if (Math.abs(gapMs - this.#gapMs) > OWN_JUMP_MS) {
      this.#vouched.clear();
      this.#apart.clear();
      this.#gapMs = gapMs;
    }
    const offsets = this.#offsets();
    for (const nodeIndex of agreeingWithMajority(offsets, this.majority)) this.#vouched.add(nodeIndex);
    if (this.#known() < this.majority || (patient && this.#vouched.size < this.majority)) return;
    offsets.forEach((offset, nodeIndex) => {
      if (offset === undefined || this.#vouched.has(nodeIndex) || this.#apart.has(nodeIndex)) return;
      this.#apart.add(nodeIndex);
      this.nodes[nodeIndex]!.quarantine('its clock stands apart from those of the other nodes');
    });
  }

  #known(): number {
    return this.#offsets().filter((offset) => offset !== undefined).length;
  }

  #offsets(): (number | undefined)[] {
    return this.nodes.map(({ state: { status, clockOffsetMs, ownGapMs = this.#gapMs } }) => {
      const isCurrent = Math.abs(ownGapMs - this.#gapMs) <= OWN_JUMP_MS;
      return isCurrent && (status === 'ready' || status === 'untrusted') ? clockOffsetMs : undefined;
    });
  }

  #ownGap(): number {
    const { wallMs, monotonicMs } = this.clock.stamp();
    return wallMs - monotonicMs;
  }
}
