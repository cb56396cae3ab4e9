/**
 * Lets so many in at once; the others wait outside, first come first served. Ten thousand acquire rounds in one turn of the event
 * loop would only wait for each other's bytes, and the last of them longer than a node is given to answer. Time outside does
 * not count: a acquire round has not begun before it is let in.
 */
export class RoundLimiter {
  #inside = 0;
  #outside: (() => void)[] = [];
  #next = 0;

  constructor(private readonly most: number) {}

  /** `undefined`: come in. Otherwise settles when there is room. */
  enter(): Promise<void> | undefined {
    if (this.#inside < this.most) {
      this.#inside++;
      return undefined;
    }
    return new Promise((resolve) => void this.#outside.push(resolve));
  }

  /** Whoever was let in leaves once. `answered`: the nodes did. While they do not, waiting would only add up the timeouts. */
  leave(answered: boolean): void {
    this.#inside--;
    const room = answered ? this.most : Number.POSITIVE_INFINITY;
    while (this.#inside < room) {
      const come = this.#outside[this.#next++];
      if (come === undefined) {
        this.#outside = [];
        this.#next = 0;
        return;
      }
      this.#inside++;
      come();
    }
  }
}
