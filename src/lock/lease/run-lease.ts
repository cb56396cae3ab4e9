import type { Lease, LeaseJson, ReleaseOptions } from '../../api/lease.js';
import { onAbort } from './abort-listeners.js';

/**
 * A lease as one run of `withLock` sees it whose caller gave a signal. Its own signal aborts when the lease
 * is lost, and also when the caller's signal aborts: nobody waits for the result of the run any more. The
 * lease itself is held until the run has ended.
 */
export class RunLease implements Lease {
  readonly #lease: Lease;
  readonly #unlisten: readonly (() => void)[];
  readonly #stop = new AbortController();

  constructor(lease: Lease, caller: AbortSignal) {
    this.#lease = lease;
    this.#unlisten = [lease.signal, caller].map((signal) => {
      const stop = (): void => this.#stop.abort(signal.reason);
      if (signal.aborted) stop();
      return onAbort(signal, stop);
    });
  }

  get resources(): readonly string[] {
    return this.#lease.resources;
  }

  get holderId(): string {
    return this.#lease.holderId;
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

  get attempt(): number | undefined {
    return this.#lease.attempt;
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

  release(options?: ReleaseOptions): Promise<void> {
    return this.#lease.release(options);
  }

  finished(): Promise<boolean> {
    return this.#lease.finished();
  }

  toJSON(): LeaseJson {
    return this.#lease.toJSON();
  }

  transfer(): Promise<LeaseJson> {
    return this.#lease.transfer();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#lease.release();
  }

  /** The run has ended: nothing is listened to any more. The caller's signal may live much longer. */
  end(): void {
    for (const unlisten of this.#unlisten) unlisten();
  }
}
