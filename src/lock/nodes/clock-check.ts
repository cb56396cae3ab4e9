import type { Clock } from '../../clock.js';
import { agreeingWithMajority, hasJumped } from '../../core/clock-offset.js';
import { wallGapMs } from '../../core/validity.js';
import type { LockNode } from '../../node/lock-node.js';

const APART = 'its clock stands apart from those of the other nodes';

/**
 * Compares the nodes' clocks at the first contact, when no step could have been seen, and again when this
 * machine's own clocks have moved apart, because then nothing is known any more. A clock that no majority
 * agrees with may have been stepped, and its node may have expired keys early. After that, each node is
 * compared with its own past.
 */
export class ClockCheck {
  /** The nodes whose clocks a majority has agreed with. */
  readonly #agreed = new Set<number>();
  readonly #apart = new Set<number>();
  #gapMs: number;

  constructor(
    private readonly nodes: readonly LockNode[],
    private readonly clock: Clock,
    private readonly majority: number,
  ) {
    this.#gapMs = wallGapMs(clock.stamp());
  }

  /** Whether enough clocks are known for a majority to vote, and no majority agrees. */
  get undecided(): boolean {
    return this.#agreed.size < this.majority && this.#known() >= this.majority;
  }

  /**
   * Compares again. While more nodes are expected, clocks without a majority to compare them with are not
   * judged.
   */
  look(isExpectingMore: boolean): void {
    const gapMs = wallGapMs(this.clock.stamp());
    if (hasJumped(gapMs, this.#gapMs)) {
      this.#agreed.clear();
      this.#apart.clear();
      this.#gapMs = gapMs;
    }
    const offsets = this.#offsets();
    for (const nodeIndex of agreeingWithMajority(offsets, this.majority)) this.#agree(nodeIndex);
    if (this.#known() < this.majority || (isExpectingMore && this.#agreed.size < this.majority)) return;
    offsets.forEach((offset, nodeIndex) => {
      if (offset === undefined || this.#agreed.has(nodeIndex) || this.#apart.has(nodeIndex)) return;
      this.#apart.add(nodeIndex);
      this.nodes[nodeIndex]!.memory?.quarantine(APART);
    });
  }

  /** A node that was judged before enough others were known gets its vote back. */
  #agree(nodeIndex: number): void {
    this.#agreed.add(nodeIndex);
    if (this.#apart.delete(nodeIndex)) this.nodes[nodeIndex]!.memory?.endQuarantine?.(APART);
  }

  #known(): number {
    return this.#offsets().filter((offset) => offset !== undefined).length;
  }

  #offsets(): (number | undefined)[] {
    return this.nodes.map(({ state: { status, clockOffsetMs, ownGapMs = this.#gapMs } }) => {
      const isCurrent = !hasJumped(ownGapMs, this.#gapMs);
      return isCurrent && (status === 'ready' || status === 'untrusted') ? clockOffsetMs : undefined;
    });
  }
}
