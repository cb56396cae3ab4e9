/**
 * How many answers each node owes to requests that have timed out. A node that owes some hangs, and is not waited for again
 * where the others have answered.
 */
export class HungNodes {
  readonly #owed: number[];
  /** Of these, the ones to requests that were withdrawn: they are written off when the node says anything. */
  readonly #withdrawn: number[];
  /** What all of them owe. */
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

  /** A request will not be answered any more. */
  withdrew(nodeIndex: number): void {
    this.#withdrawn[nodeIndex]!++;
  }

  /** The node has answered a request, which had timed out or had not. */
  recovered(nodeIndex: number, wasOverdue: boolean): void {
    if (this.#owed[nodeIndex] === 0) return;
    const recovered = this.#withdrawn[nodeIndex]! + (wasOverdue ? 1 : 0);
    this.#owed[nodeIndex]! -= recovered;
    this.#sum -= recovered;
    this.#withdrawn[nodeIndex] = 0;
  }
}
