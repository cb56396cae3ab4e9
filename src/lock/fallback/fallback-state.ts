import type { LockEvents } from '../../api/lock-events.js';

/** Whether the locks of a manager are taken elsewhere than on a majority of its nodes, and why. */
export class FallbackState {
  #reason: string | undefined;

  constructor(
    /** All nodes are in memory: there is nothing to fall back from. */
    isInMemory: boolean,
    private readonly events: LockEvents,
    private readonly warn: (message: string) => void,
  ) {
    if (isInMemory) this.#reason = 'all nodes are in memory: locks exclude this process only';
  }

  /** Set while the fallback grants. */
  get reason(): string | undefined {
    return this.#reason;
  }

  set(active: boolean, reason: string): void {
    if ((this.#reason !== undefined) === active) return;
    this.#reason = active ? reason : undefined;
    this.events.emit({ type: 'fallback', active, reason });
    this.warn(active ? `fallback: ${reason}` : `fallback over: ${reason}`);
  }
}
