import type { Lease } from '../index.js';
import { alreadyExpired } from './errors.js';
import { LONGEST_TIMER_MS } from './settings.js';

/** Tells the routine of `using` that its lock is lost; `error` says why. */
export type RedlockAbortSignal = AbortSignal & { error?: Error };

interface ExtendableLock {
  readonly expiration: number;
  release(): Promise<unknown>;
}

/**
 * A lock is extended so long before it expires at the latest, in milliseconds, unless its duration is short.
 * The process may not run for a tenth of a second where it shares its cores, and a lock is lost up to 100 ms
 * before it expires. It is the default of redlock's setting, so nothing changes for those who keep that.
 */
const LEAST_THRESHOLD_MS = 500;

/** How soon an extension that failed is tried again, in milliseconds, at most: a fifth of what is left. */
const LONGEST_RETRY_MS = 1_000;
const SHORTEST_RETRY_MS = 10;

/** The lock of `using`, which is extended until it is ended. */
export class ExtendedLock<L extends ExtendableLock> {
  readonly #controller = new AbortController();
  readonly signal: RedlockAbortSignal = this.#controller.signal;
  #timer: NodeJS.Timeout | undefined;
  #extending: Promise<void> | undefined;
  #failure: Error | undefined;
  #isEnded = false;

  constructor(
    private lock: L,
    private readonly lease: Lease | undefined,
    private readonly extend: (lock: L) => Promise<L>,
    private readonly duration: number,
    private readonly thresholdMs: number,
  ) {
    // The lease tells its loss by timers of its own, whatever the clients do.
    lease?.signal.addEventListener('abort', this.#onLoss, { once: true });
    this.#schedule(this.#untilDueMs());
  }

  /** Throws what says why the lock is lost, if it is. */
  assertHeld(): void {
    // Reading the signal of the lease tells a loss that no timer could tell, because the loop was blocked.
    if (this.lease?.signal.aborted) this.#onLoss();
    if (this.signal.aborted) throw this.signal.error ?? alreadyExpired();
  }

  /** Releases the lock. */
  async end(): Promise<void> {
    this.#isEnded = true;
    this.lease?.signal.removeEventListener('abort', this.#onLoss);
    clearTimeout(this.#timer);
    await this.#extending;
    await this.lock.release();
  }

  readonly #onLoss = (): void => {
    if (this.signal.aborted) return;
    this.signal.error = this.#failure ?? alreadyExpired([], this.lease?.signal.reason);
    this.#controller.abort();
  };

  #untilDueMs(): number {
    const leastMs = Math.min(LEAST_THRESHOLD_MS, this.duration / 2);
    return this.lock.expiration - Math.max(this.thresholdMs, leastMs) - Date.now();
  }

  #schedule(delayMs: number): void {
    if (this.#isEnded || this.signal.aborted) return;
    const onTimer = (): void => {
      // It may have fired early: a timer's delay is bounded.
      if (delayMs > LONGEST_TIMER_MS) this.#schedule(delayMs - LONGEST_TIMER_MS);
      else this.#extending = this.#extend();
    };
    this.#timer = setTimeout(onTimer, Math.min(Math.max(0, delayMs), LONGEST_TIMER_MS));
  }

  async #extend(): Promise<void> {
    try {
      this.lock = await this.extend(this.lock);
      this.#failure = undefined;
      this.#schedule(this.#untilDueMs());
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      const leftMs = this.lease?.remainingMs() ?? this.lock.expiration - Date.now();
      if (leftMs <= 0) this.#onLoss();
      else this.#schedule(Math.max(SHORTEST_RETRY_MS, Math.min(LONGEST_RETRY_MS, leftMs / 5)));
    }
  }
}
