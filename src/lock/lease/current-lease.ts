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
  /** The tick that the lease was acquired for. */
  readonly tick?: number | undefined;
}

/** What a call asks for that may run under a lease which its code has already. */
export interface JoinTerms {
  readonly signal?: AbortSignal | undefined;
  readonly tick?: number | undefined;
}

/** One run of `withLock`, as the code inside it finds it. */
interface Run {
  readonly runs: SharedRuns;
  /** The lease as this run sees it. */
  readonly lease: Lease;
  /** The run around it. Runs that have ended are left out, see `around`. */
  outer: Run | undefined;
  /** How many runs there are around it. */
  readonly depth: number;
}

/**
 * So many runs inside each other are begun on one stack. Then the stack is left: a recursion under one lock
 * may go deeper than a stack.
 */
const RUNS_ON_A_STACK = 32;

// Shared by all copies of this package in the process: one copy's `withLock` may run code that asks another
// copy for `currentLease()`.
const storage = oncePerProcess('current-lease:1', () => new AsyncLocalStorage<Run | undefined>());

/** The innermost lease under which the calling code runs: inside `withLock`, or inside a decorated method. */
export const currentLease = (): Lease | undefined => storage.getStore()?.lease;

/** The leases of this manager under which the calling code runs. */
export function leasesAround(manager: object): ReadonlySet<Lease> {
  const leases = new Set<Lease>();
  for (let run = storage.getStore(); run !== undefined; run = around(run)) {
    if (run.runs.manager === manager) leases.add(run.runs.lease);
  }
  return leases;
}

/**
 * The next run around this one that goes on. A timer may begin a run long after the one that set it has
 * ended, and set the next timer: ended runs are forgotten here, or each would keep all before it in memory.
 */
function around(run: Run): Run | undefined {
  while (run.outer !== undefined && run.outer.runs.count === 0) run.outer = run.outer.outer;
  return run.outer;
}

/**
 * Runs code among the runs that go on. A promise keeps what it was made in: a lease that was acquired where a
 * run has ended would keep that run, with its lease, and so on.
 */
export function amongLive<T>(code: () => T): T {
  const run = storage.getStore();
  return run === undefined || run.runs.count > 0 ? code() : storage.run(around(run), code);
}

/**
 * Runs the routine under a lease of its own. The lease is released when this run and all runs that joined it
 * have ended: a run that nobody awaits still uses the resource after this one has returned.
 */
export function runUnder<T>(
  lease: Lease,
  manager: object,
  { signal, tick }: JoinTerms,
  routine: (lease: Lease) => T | PromiseLike<T>,
): Promise<T> {
  return runShared({ lease, manager, count: 0, finish: true, tick }, lease, signal, routine);
}

/**
 * Runs the routine under a valid lease of this manager that covers all of the resources and under which the
 * calling code runs already; `undefined` if there is none. It excludes nobody who runs under the same lease.
 *
 * A tick is a part of the run of the same tick, or of a later one. Under any other lease it would run without
 * being on record, and other workers would run it again.
 */
export function joinLease<T>(
  resources: readonly string[],
  manager: object,
  { signal, tick }: JoinTerms,
  routine: (lease: Lease) => T | PromiseLike<T>,
): Promise<T> | undefined {
  for (let run = storage.getStore(); run !== undefined; run = around(run)) {
    const { lease, runs } = run;
    if (runs.manager !== manager || lease.remainingMs() <= 0) continue;
    if (tick !== undefined && tick > (runs.tick ?? Number.NEGATIVE_INFINITY)) continue;
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
  const run = runInside(storage.getStore(), runs, seen);
  runs.count++;
  try {
    if (run.depth % RUNS_ON_A_STACK === RUNS_ON_A_STACK - 1) await Promise.resolve();
    const result = await storage.run(run, () => routine(seen));
    assertNotLost(runs.lease);
    return result;
  } finally {
    own?.end();
    if (--runs.count === 0) await amongLive(() => runs.lease.release({ finish: runs.finish }));
  }
}

function runInside(inner: Run | undefined, runs: SharedRuns, lease: Lease): Run {
  const outer = inner === undefined || inner.runs.count > 0 ? inner : around(inner);
  if (outer === undefined) return { runs, lease, outer, depth: 0 };
  around(outer);
  return { runs, lease, outer, depth: outer.depth + 1 };
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
