import { AsyncLocalStorage } from 'node:async_hooks';
import type { Lease } from '../../api/lease.js';

interface Held {
  readonly lease: Lease;
  /** Which manager it is from: the same resource elsewhere is another lock. */
  readonly from: object;
  readonly outer: Held | undefined;
}

const storage = new AsyncLocalStorage<Held>();

/** The innermost lease under which the calling code runs: inside `withLock`, or inside a decorated method. */
export const currentLease = (): Lease | undefined => storage.getStore()?.lease;

/** Runs the routine under a lease, for `currentLease` and for re-entrance. */
export const runUnder = <T>(lease: Lease, from: object, routine: () => T): T =>
  storage.run({ lease, from, outer: storage.getStore() }, routine);

/** A valid lease of this manager, under which the calling code runs already, that covers all of the resources. */
export function leaseCovering(resources: readonly string[], from: object): Lease | undefined {
  for (let held = storage.getStore(); held !== undefined; held = held.outer) {
    const { lease } = held;
    if (held.from !== from || lease.remainingMs() <= 0) continue;
    if (resources.every((resource) => lease.resources.includes(resource))) return lease;
  }
  return undefined;
}
