import type { Clock } from '../../clock.js';
import type { LockEvents } from '../../api/events.js';

export interface WaitEventContext {
  readonly clock: Clock;
  readonly events: LockEvents;
}

/** So many waits have begun in this process. */
let begun = 0;

/**
 * What listeners hear of one call's waiting: where it begins, if it ever does, and, once, where it ends. It is measured
 * although nobody may listen yet: who comes in the midst of it hears how long it was.
 */
export class WaitEvents {
  #number = 0;
  #sinceMs: number | undefined;
  #isOver = false;

  constructor(
    private readonly teller: WaitEventContext,
    private readonly name: string,
    private readonly resources: readonly string[],
  ) {}

  /** To be called before each pause; the first one begins the wait. */
  begin(): void {
    if (this.#sinceMs !== undefined) return;
    const { clock, events } = this.teller;
    this.#sinceMs = clock.now();
    this.#number = ++begun;
    if (!events.listening) return;
    events.emit({ type: 'waiting', name: this.name, resources: this.resources, wait: this.#number });
  }

  /** To be called whatever came of it, before that is told; a call that never paused tells nothing. */
  end(): void {
    if (this.#sinceMs === undefined || this.#isOver) return;
    this.#isOver = true;
    const { clock, events } = this.teller;
    if (!events.listening) return;
    const durationMs = clock.now() - this.#sinceMs;
    events.emit({
      type: 'waited',
      name: this.name,
      resources: this.resources,
      wait: this.#number,
      durationMs,
    });
  }
}
