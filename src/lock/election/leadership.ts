import type { DeposedReason } from '../../api/election.js';
import { LeaseLostError } from '../../api/errors.js';
import type { Lease } from '../../api/lease.js';
import { onAbort } from '../lease/abort-listeners.js';
import { runShared, type SharedRuns } from '../lease/current-lease.js';
import type { HeldLease } from '../lease/held-lease.js';
import { LeaderLease } from './leader-lease.js';

/** One term of a leader: from its election to the end of the work that it began. */
export class Leadership {
  readonly lease: LeaderLease;
  /** Resolves when this process leads no longer. Its work may go on for a moment. */
  readonly over: Promise<DeposedReason>;
  readonly #runs: SharedRuns;
  readonly #resignation = new AbortController();
  readonly #work = new Set<Promise<unknown>>();
  #hasFailed = false;

  /** `stopping` ends it. */
  constructor(held: HeldLease, manager: object, stopping: AbortSignal) {
    this.#runs = { lease: held, manager, count: 0, finish: true };
    this.lease = new LeaderLease(held, this.#resignation);
    const resign = (): void => this.#resignation.abort(stopping.reason);
    if (stopping.aborted) resign();
    const unlisten = onAbort(stopping, resign);
    const { signal } = this.lease;
    this.over = new Promise((resolve) => {
      const end = (): void => {
        unlisten();
        resolve(this.#hasFailed ? 'failed' : reasonOf(signal.reason));
      };
      if (signal.aborted) end();
      else onAbort(signal, end);
    });
  }

  get isOn(): boolean {
    return !this.lease.signal.aborted && this.lease.remainingMs() > 0;
  }

  /** Runs the routine under the lease. The keys are released when all runs have ended. */
  run<T>(routine: (lease: Lease) => T | PromiseLike<T>): Promise<T> {
    const work = runShared(this.#runs, this.lease, undefined, routine);
    this.#work.add(work);
    const forget = (): void => void this.#work.delete(work);
    work.finally(forget).catch(() => undefined);
    return work;
  }

  /**
   * Holds the lease until the term is over, and what `whenOver` does, and all other runs have ended. Then the
   * keys are released. Resolves to why it ended.
   */
  async hold(whenOver: (reason: DeposedReason) => Promise<void>): Promise<DeposedReason> {
    const term = runShared(this.#runs, this.lease, undefined, async () => {
      await whenOver(await this.over);
      await Promise.allSettled(this.#work);
    });
    try {
      await term;
    } catch (error) {
      // The reason tells the loss.
      if (!(error instanceof LeaseLostError)) throw error;
    }
    this.lease.end();
    return this.over;
  }

  /** What the leader does has failed. */
  fail(error: Error): void {
    this.#hasFailed ||= this.isOn;
    this.#resignation.abort(error);
  }
}

/** Why the signal of a leader's lease has aborted. */
function reasonOf(reason: unknown): DeposedReason {
  if (!(reason instanceof LeaseLostError)) return 'resigned';
  if (reason.reason === 'released' || reason.reason === 'transferred') return 'resigned';
  return reason.reason;
}
