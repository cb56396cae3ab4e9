/**
 * The instant since which a node, a link or a process has had no fault. Several faults can last at the same
 * time.
 */
export class Health {
  #faults = 0;
  #healthySince = 0;

  constructor(private readonly now: () => number) {
    this.#healthySince = now();
  }

  get isHealthy(): boolean {
    return this.#faults === 0;
  }

  /** Infinite while a fault lasts. */
  get healthySince(): number {
    return this.isHealthy ? this.#healthySince : Number.POSITIVE_INFINITY;
  }

  begin(): void {
    this.#faults++;
  }

  /** `afterMs`: the time of recovery after the fault. */
  end(afterMs = 0): void {
    this.#faults--;
    this.#healthySince = Math.max(this.#healthySince, this.now() + afterMs);
  }
}
