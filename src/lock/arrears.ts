/**
 * How many answers each node owes to requests that have timed out. A node that owes some hangs, and is not waited for again
 * where the others have answered.
 */
export class Arrears {
  readonly #owed: number[];
  /** Of these, the ones to requests that were withdrawn: they are written off when the node says anything. */
  readonly #withdrawn: number[];

  constructor(members: number) {
    this.#owed = new Array<number>(members).fill(0);
    this.#withdrawn = new Array<number>(members).fill(0);
  }

  get any(): boolean {
    return this.#owed.some((answers) => answers > 0);
  }

  owes(member: number): boolean {
    return this.#owed[member]! > 0;
  }

  timedOut(member: number): void {
    this.#owed[member]!++;
  }

  /** A request will not be answered any more. */
  withdrew(member: number): void {
    this.#withdrawn[member]!++;
  }

  /** The node has answered a request, which had timed out or had not. */
  answered(member: number, wasOverdue: boolean): void {
    if (this.#owed[member] === 0) return;
    if (wasOverdue) this.#owed[member]!--;
    this.#owed[member]! -= this.#withdrawn[member]!;
    this.#withdrawn[member] = 0;
  }
}
