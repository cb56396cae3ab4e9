/**
 * How many answers each node owes to requests that timed out. A node that owes answers hangs: once the other nodes have
 * answered, nobody waits for it again.
 */
export class HungNodes {
  readonly #owed: number[];
  /** How many of the owed answers belong to withdrawn requests. They are written off when the node answers anything. */
  readonly #withdrawn: number[];
  /** How many answers all nodes owe together. */
  #sum = 0;

  constructor(nodeCount: number) {
    this.#owed = new Array<number>(nodeCount).fill(0);
    this.#withdrawn = new Array<number>(nodeCount).fill(0);
  }

  get any(): boolean {
    return this.#sum > 0;
  }

  isHung(nodeIndex: number): boolean {
    return this.#owed[nodeIndex]! > 0;
  }

  timedOut(nodeIndex: number): void {
    this.#owed[nodeIndex]!++;
    this.#sum++;
  }

  /** A request that had timed out was withdrawn: its answer will not come. */
  withdrew(nodeIndex: number): void {
    this.#withdrawn[nodeIndex]!++;
  }

  /** The node has answered a request; `wasOverdue`: one that had timed out. */
  recovered(nodeIndex: number, wasOverdue: boolean): void {
    if (this.#owed[nodeIndex] === 0) return;
    const recovered = this.#withdrawn[nodeIndex]! + (wasOverdue ? 1 : 0);
    this.#owed[nodeIndex]! -= recovered;
    this.#sum -= recovered;
    this.#withdrawn[nodeIndex] = 0;
  }
}
