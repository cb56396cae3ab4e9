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

  constructor(members: number) {
    this.#owed = new Array<number>(members).fill(0);
    this.#withdrawn = new Array<number>(members).fill(0);
  }

  get any(): boolean {
    return this.#sum > 0;
  }

  isHung(member: number): boolean {
    return this.#owed[member]! > 0;
  }

  timedOut(member: number): void {
    this.#owed[member]!++;
    this.#sum++;
  }

  /** A request will not be answered any more. */
  withdrew(member: number): void {
    this.#withdrawn[member]!++;
  }

  /** The node has answered a request, which had timed out or had not. */
  recovered(member: number, wasOverdue: boolean): void {
    if (this.#owed[member] === 0) return;
    const recovered = this.#withdrawn[member]! + (wasOverdue ? 1 : 0);
    this.#owed[member]! -= recovered;
    this.#sum -= recovered;
    this.#withdrawn[member] = 0;
  }
}
