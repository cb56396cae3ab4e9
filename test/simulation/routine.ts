import { LeaseLostError, type AcquireOptions, type Lease, type LockManager } from '../../src/index.js';

const RESULT = Symbol('the result of the routine');
const FAILURE = new Error('the error of the routine');

/**
 * A routine that `withLock` runs. It holds the lease until the test ends it, and compares the result of
 * `withLock` with what happened.
 */
export class Routine {
  #finish: { resolve(result: symbol): void; reject(error: Error): void } | undefined;
  #outcome: Promise<unknown> | undefined;

  /** Resolves when the routine has begun. Rejects if it never begins. */
  begin(manager: LockManager, resources: readonly string[], options: AcquireOptions): Promise<Lease> {
    return new Promise((resolve, reject) => {
      const routine = new Promise<symbol>((returns, throws) => {
        this.#finish = { resolve: returns, reject: throws };
      });
      this.#outcome = manager.withLock(resources, options, (lease) => {
        resolve(lease);
        return routine;
      });
      this.#outcome.catch(reject);
    });
  }

  /**
   * Ends the routine. When the lease is released, resolves to a description of a wrong result, or to
   * undefined.
   */
  async end(lease: Lease, fails: boolean): Promise<string | undefined> {
    const isLost = lease.remainingMs() === 0;
    if (fails) this.#finish?.reject(FAILURE);
    else this.#finish?.resolve(RESULT);
    const outcome = await this.#outcome?.catch((error: unknown) => error);
    if (fails)
      return outcome === FAILURE ? undefined : `withLock hid the routine's error: ${String(outcome)}`;
    if (isLost)
      return outcome instanceof LeaseLostError
        ? undefined
        : `withLock lost the lease and gave ${String(outcome)}`;
    return outcome === RESULT ? undefined : `withLock held the lease to the end and gave ${String(outcome)}`;
  }
}
