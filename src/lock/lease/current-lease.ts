import { AsyncLocalStorage } from 'node:async_hooks';
import { LeaseLostError } from '../../api/errors.js';
import type { Lease } from '../../api/lease.js';
import { oncePerProcess } from '../../api/once-per-process.js';
import { RunLease } from './run-lease.js';

/** Runs that share one lease, which is released when the last of them has ended. */
export interface SharedRuns {
  readonly lease: Lease;
  /** The manager of the lease: the same resource elsewhere is another lock. */
  readonly manager: object;
  /** The runs that go on. */
  count: number;
  /** Whether the release records the end of the run of a tick. */
  finish: boolean;
}

/** One run of `withLock`, as the code inside it finds it. */
interface Run {
  readonly runs: SharedRuns;
  /** The lease as this run sees it. */
  readonly lease: Lease;
  readonly outer: Run | undefined;
}

// Shared by all copies of this package in the process: one copy's `withLock` may run code that asks another
// copy for `currentLease()`.
const storage = oncePerProcess('current-lease:1', () => new AsyncLocalStorage<Run>());

/** The innermost lease under which the calling code runs: inside `withLock`, or inside a decorated method. */
export const currentLease = (): Lease | undefined => storage.getStore()?.lease;

/** The leases of this manager under which the calling code runs. */
export function leasesAround(manager: object): ReadonlySet<Lease> {
  const leases = new Set<Lease>();
  for (let run = storage.getStore(); run !== undefined; run = run.outer) {
    if (run.runs.manager === manager) leases.add(run.runs.lease);
  }
  return leases;
}

/**
 * Runs the routine under a lease of its own. The lease is released when this run and all runs that joined it
 * have ended: a run that nobody awaits still uses the resource after this one has returned.
 */
export function runUnder<T>(
  lease: Lease,
  manager: object,
  signal: AbortSignal | undefined,
  routine: (lease: Lease) => T | PromiseLike<T>,
): Promise<T> {
  return runShared({ lease, manager, count: 0, finish: true }, lease, signal, routine);
}

/**
 * Runs the routine under a valid lease of this manager that covers all of the resources and under which the
 * calling code runs already; `undefined` if there is none. It excludes nobody who runs under the same lease.
 */
export function joinLease<T>(
  resources: readonly string[],
  manager: object,
  signal: AbortSignal | undefined,
  routine: (lease: Lease) => T | PromiseLike<T>,
): Promise<T> | undefined {
  for (let run = storage.getStore(); run !== undefined; run = run.outer) {
    const { lease, runs } = run;
    if (runs.manager !== manager || lease.remainingMs() <= 0) continue;
    if (!resources.every((resource) => lease.resources.includes(resource))) continue;
    return signal?.aborted ? Promise.reject(signal.reason as Error) : runShared(runs, lease, signal, routine);
  }
  return undefined;
}

/** Runs the routine as one of several that share a lease. `lease` is the lease as they see it. */
export async function runShared<T>(
  runs: SharedRuns,
  lease: Lease,
  signal: AbortSignal | undefined,
  routine: (lease: Lease) => T | PromiseLike<T>,
): Promise<T> {
  const own = signal === undefined ? undefined : new RunLease(lease, signal);
  const seen = own ?? lease;
  runs.count++;
  try {
    const result = await storage.run({ runs, lease: seen, outer: storage.getStore() }, () => routine(seen));
    assertNotLost(runs.lease);
    return result;
  } finally {
    own?.end();
    if (--runs.count === 0) await runs.lease.release({ finish: runs.finish });
  }
}

/**
 * Throws the `LeaseLostError` that the signal of a lost lease has told, so that all runs reject with one
 * error. A lease that was given away was not lost.
 */
function assertNotLost(lease: Lease): void {
  if (isTransferred(lease)) return;
  if (lease.signal.aborted) throw lease.signal.reason;
  // A loss that no timer could tell, because the routine did not let any timer run.
  lease.assertHeld();
}

/** Whether the holder gave the lease away. */
export function isTransferred({ signal: { reason } }: Lease): boolean {
  return reason instanceof LeaseLostError && reason.reason === 'transferred';
}
