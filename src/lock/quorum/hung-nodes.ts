/**
 * How many requests to each node timed out and have no answer yet. A node with such requests hangs: once the
 * other nodes have answered, nobody waits for it again.
 */
export class HungNodes {
  readonly #unanswered: number[];
  /** How many of them were withdrawn. They are written off when the node answers anything. */
  readonly #withdrawn: number[];
  /** The sum over all nodes. */
  #sum = 0;

  constructor(nodeCount: number) {
    this.#unanswered = new Array<number>(nodeCount).fill(0);
    this.#withdrawn = new Array<number>(nodeCount).fill(0);
  }

  get any(): boolean {
    return this.#sum > 0;
  }

  isHung(nodeIndex: number): boolean {
    return this.#unanswered[nodeIndex]! > 0;
  }

  timedOut(nodeIndex: number): void {
    this.#unanswered[nodeIndex]!++;
    this.#sum++;
  }

  /** A request that had timed out was withdrawn: its answer will not come. */
  withdrew(nodeIndex: number): void {
    this.#withdrawn[nodeIndex]!++;
  }

  /** The node has answered a request; `wasOverdue`: one that had timed out. */
  recovered(nodeIndex: number, wasOverdue: boolean): void {
    if (this.#unanswered[nodeIndex] === 0) return;
    const recovered = this.#withdrawn[nodeIndex]! + (wasOverdue ? 1 : 0);
    this.#unanswered[nodeIndex]! -= recovered;
    this.#sum -= recovered;
    this.#withdrawn[nodeIndex] = 0;
  }
}
