import { LeaseLostError, type AcquireOptions, type Lease, type LockManager } from '../../src/index.js';

const RESULT = Symbol('what the routine returns');
const FAILURE = new Error('what the routine throws');

/** A job that `withLock` runs: it holds the lease until it is ended, and is then compared with what `withLock` says of it. */
export class Routine {
  #settle: { resolve(result: symbol): void; reject(error: Error): void } | undefined;
  #outcome: Promise<unknown> | undefined;

  /** Resolves when the routine has begun; rejects where it never does. */
  begin(manager: LockManager, resources: readonly string[], options: AcquireOptions): Promise<Lease> {
    return new Promise((resolve, reject) => {
      const routine = new Promise<symbol>((returns, throws) => {
        this.#settle = { resolve: returns, reject: throws };
      });
      this.#outcome = manager.withLock(resources, options, (lease) => {
        resolve(lease);
        return routine;
      });
      this.#outcome.catch(reject);
    });
  }

  /** Ends it; resolves, when the lease is released, to what is wrong with the outcome. */
  async end(lease: Lease, fails: boolean): Promise<string | undefined> {
    const isLost = lease.remainingMs() === 0;
    if (fails) this.#settle?.reject(FAILURE);
    else this.#settle?.resolve(RESULT);
    const outcome = await this.#outcome?.catch((error: unknown) => error);
    if (fails) return outcome === FAILURE ? undefined : `it hid the routine's error: ${String(outcome)}`;
    if (isLost)
      return outcome instanceof LeaseLostError ? undefined : `it lost its lease and says ${String(outcome)}`;
    return outcome === RESULT ? undefined : `it was held to the end and says ${String(outcome)}`;
  }
}
