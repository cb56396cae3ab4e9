/**
 * Lets a limited number of acquire rounds run at once; the others wait outside, first come, first served. Ten
 * thousand rounds in one turn of the event loop would only wait for each other's bytes, and the last of them
 * longer than a node may take to answer. The time outside does not count: a round begins when it is let in.
 */
export class RoundLimiter {
  #inside = 0;
  #outside: (() => void)[] = [];
  #next = 0;

  constructor(private readonly limit: number) {}

  /** `undefined`: there is room, go on. Otherwise a promise that resolves when there is room. */
  enter(): Promise<void> | undefined {
    if (this.#inside < this.limit) {
      this.#inside++;
      return undefined;
    }
    return new Promise((resolve) => void this.#outside.push(resolve));
  }

  /**
   * To be called once for each round that was let in. `answered`: whether the nodes answered it. While they
   * do not, everyone is let in: otherwise the timeouts of all rounds would add up.
   */
  leave(answered: boolean): void {
    this.#inside--;
    const limit = answered ? this.limit : Number.POSITIVE_INFINITY;
    while (this.#inside < limit) {
      const letIn = this.#outside[this.#next++];
      if (letIn === undefined) {
        this.#outside = [];
        this.#next = 0;
        return;
      }
      this.#inside++;
      letIn();
    }
  }
}
