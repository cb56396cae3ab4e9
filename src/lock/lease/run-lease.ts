import type { Lease } from '../../api/lease.js';

/**
 * A lease as one run of `withLock` sees it whose caller gave a signal. Its own signal aborts when the lease is
 * lost, and also when the caller's signal aborts: nobody waits for the result of the run any more. The lease
 * itself is held until the run has ended.
 */
export class RunLease implements Lease {
  readonly #lease: Lease;
  readonly #caller: AbortSignal;
  readonly #stop = new AbortController();

  constructor(lease: Lease, caller: AbortSignal) {
    this.#lease = lease;
    this.#caller = caller;
    for (const signal of [lease.signal, caller]) {
      if (signal.aborted) this.#stop.abort(signal.reason);
      signal.addEventListener('abort', this.#onAbort);
    }
  }

  get resources(): readonly string[] {
    return this.#lease.resources;
  }

  get name(): string {
    return this.#lease.name;
  }

  get token(): number {
    return this.#lease.token;
  }

  get fallback(): boolean {
    return this.#lease.fallback;
  }

  get attempts(): number {
    return this.#lease.attempts;
  }

  get signal(): AbortSignal {
    // Reading the signal of the lease tells a loss that no timer could tell yet.
    void this.#lease.signal;
    return this.#stop.signal;
  }

  remainingMs(): number {
    return this.#lease.remainingMs();
  }

  assertHeld(): void {
    this.#lease.assertHeld();
  }

  extend(ttlMs?: number): Promise<void> {
    return this.#lease.extend(ttlMs);
  }

  release(): Promise<void> {
    return this.#lease.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#lease.release();
  }

  /** The run has ended: nothing is listened to any more. The caller's signal may live much longer. */
  end(): void {
    for (const signal of [this.#lease.signal, this.#caller]) {
      signal.removeEventListener('abort', this.#onAbort);
    }
  }

  readonly #onAbort = (event: Event): void => {
    this.#stop.abort((event.target as AbortSignal).reason);
  };
}
