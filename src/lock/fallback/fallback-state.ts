import type { LockEvents } from '../../api/lock-events.js';
import type { Clock } from '../../clock.js';
import { RepeatedWarnings } from './repeated-warnings.js';

/** Whether the locks of a manager are taken elsewhere than on a majority of its nodes, and why. */
export class FallbackState {
  readonly #warnings: RepeatedWarnings;
  #reason: string | undefined;
  /** Why it is as it is now. */
  #latestReason = '';

  constructor(
    /** All nodes are in memory: there is nothing to fall back from. */
    isInMemory: boolean,
    clock: Clock,
    private readonly events: LockEvents,
    warn: (message: string) => void,
  ) {
    if (isInMemory) this.#reason = 'all nodes are in memory: locks exclude this process only';
    this.#warnings = new RepeatedWarnings(clock, warn, (times) => {
      const now = this.#reason === undefined ? 'is over' : 'grants';
      return `fallback: it began or ended ${times}; now it ${now}: ${this.#latestReason}`;
    });
  }

  /** Set while the fallback grants. */
  get reason(): string | undefined {
    return this.#reason;
  }

  set(active: boolean, reason: string): void {
    if ((this.#reason !== undefined) === active) return;
    this.#reason = active ? reason : undefined;
    this.#latestReason = reason;
    this.events.emit({ type: 'fallback', active, reason });
    this.#warnings.write(active ? `fallback: ${reason}` : `fallback over: ${reason}`);
  }

  close(): void {
    this.#warnings.close();
  }
}
