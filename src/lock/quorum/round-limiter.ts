/** So many rounds run at once until the nodes have shown how fast they are. */
const FIRST = 128;
/** So many run at once however slow the nodes are. */
const LEAST = 32;
/** A round that takes more of its node timeout is slow, and one that takes less is quick. */
const SLOW = 0.5;
const QUICK = 0.25;

/**
 * Lets a limited number of acquire rounds run at once; the others wait outside, first come, first served. Ten
 * thousand rounds in one turn of the event loop would only wait for each other's bytes, and the last of them
 * longer than a node may take to answer. The time outside does not count: a round begins when it is let in.
 *
 * On a busy machine this process may be too slow for so many. So each slow round lowers the number by one,
 * and each quick one raises it.
 */
export class RoundLimiter {
  /** How many rounds the nodes have answered. */
  answered = 0;
  #inside = 0;
  #limit: number;
  #outside: (() => void)[] = [];
  #next = 0;

  constructor(private readonly most: number) {
    this.#limit = Math.min(most, FIRST);
  }

  /** `undefined`: there is room, go on. Otherwise a promise that resolves when there is room. */
  enter(): Promise<void> | undefined {
    if (this.#inside < this.#limit) {
      this.#inside++;
      return undefined;
    }
    return new Promise((resolve) => void this.#outside.push(resolve));
  }

  /** Lets the next one in instead, without a round. */
  pass(): void {
    this.#inside--;
    this.#letIn(this.#limit);
  }

  /**
   * To be called once for each round that was let in. `isAnswered`: whether the nodes answered it. While they
   * answer none, everyone is let in: otherwise the timeouts of all rounds would add up. `before`: how many
   * rounds they had answered when it began. Nodes that are slow, but answer others, would only be slower.
   * `share`: of its node timeout, the time that it took.
   */
  leave(isAnswered: boolean, before: number = this.answered, share = 0): void {
    this.#inside--;
    if (share > SLOW) this.#limit = Math.max(Math.min(LEAST, this.most), this.#limit - 1);
    else if (share < QUICK && isAnswered) this.#limit = Math.min(this.most, this.#limit + 1);
    const isLifted = !isAnswered && this.answered === before;
    if (isAnswered) this.answered++;
    this.#letIn(isLifted ? Number.POSITIVE_INFINITY : this.#limit);
  }

  #letIn(limit: number): void {
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
