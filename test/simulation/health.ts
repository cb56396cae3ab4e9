/** Since when nothing has been wrong with a node, a line or a process; several things can be wrong at once. */
export class Health {
  #troubles = 0;
  #calmSince = 0;

  constructor(private readonly now: () => number) {
    this.#calmSince = now();
  }

  get isCalm(): boolean {
    return this.#troubles === 0;
  }

  /** Infinite while something is wrong. */
  get calmSince(): number {
    return this.isCalm ? this.#calmSince : Number.POSITIVE_INFINITY;
  }

  begin(): void {
    this.#troubles++;
  }

  /** `afterMs`: it takes so long until it is as good as before. */
  end(afterMs = 0): void {
    this.#troubles--;
    this.#calmSince = Math.max(this.#calmSince, this.now() + afterMs);
  }
}
