import { AsyncLocalStorage } from 'node:async_hooks';
import type { Lease } from '../../api/lease.js';
import { oncePerProcess } from '../../api/once-per-process.js';
import type { CurrentRun } from '../../api/run.js';

// Shared by all copies of this package in the process: the code of a run may ask another copy.
const storage = oncePerProcess('current-run:1', () => new AsyncLocalStorage<CurrentRun>());

/** The run that the calling code is part of: inside `runOnce`, or inside a decorated method with a tick. */
export const currentRun = (): CurrentRun | undefined => storage.getStore();

/**
 * The run that a call inside a lease is part of, with the lease as the call sees it: the call may have a
 * signal of its own. The lease may be of code that is no run.
 */
export function partOf(lease: Lease): CurrentRun {
  const { tick, attempt, lateMs = 0 } = currentRun() ?? {};
  return runUnder(lease, { tick, attempt, lateMs, token: tokenOf(lease) });
}

/** Its signal is read from the lease each time: that tells a loss that no timer could tell yet. */
export const runUnder = (lease: Lease, about: Omit<CurrentRun, 'signal'>): CurrentRun => ({
  ...about,
  get signal() {
    return lease.signal;
  },
});

function tokenOf(lease: Lease): number | undefined {
  try {
    return lease.token;
  } catch {
    // The option fencing is off.
    return undefined;
  }
}

export const runAs = <T>(run: CurrentRun, routine: () => T): T => storage.run(run, routine);
