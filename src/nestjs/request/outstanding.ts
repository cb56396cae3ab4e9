/** Counts things that go on. `ended` resolves when all have ended that began before. */
export class Outstanding {
  #count = 0;
  #isOver = false;
  #resolve: () => void = () => undefined;
  readonly ended = new Promise<void>((resolve) => (this.#resolve = resolve));

  /** Whether all have ended. What begins now is not waited for. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Something begins. Returns what tells its end; a second call of that has no effect. */
  begin(): () => void {
    let isOpen = true;
    this.#count++;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      if (--this.#count > 0) return;
      this.#isOver = true;
      this.#resolve();
    };
  }
}
