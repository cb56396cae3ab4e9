import type { PastRun } from '../../core/run-history.js';
import type { Clock } from '../../clock.js';
import type { QuorumSnapshot } from '../../api/events.js';
import type { LockEvents } from '../../api/lock-events.js';
import type { Inspection } from '../../api/inspection.js';
import type { AcquireOptions } from '../../api/options.js';
import type { ResolvedAcquireOptions } from '../../api/resolved-options.js';
import { onAbort } from '../lease/abort-listeners.js';
import type { HeldLease } from '../lease/held-lease.js';
import { LONGEST_MS } from '../validation/checks.js';

/** What a manager gives to runs. */
export interface RunContext {
  readonly manager: object;
  readonly clock: Clock;
  readonly random: () => number;
  readonly events: LockEvents;
  /** The name of this process, as other holders see it. */
  readonly worker: string;
  readonly warn: (message: string) => void;
  readonly resolve: (options: AcquireOptions) => ResolvedAcquireOptions;
  readonly declare: (name: string) => void;
  /** Resolves when it is known how many nodes are ready, after two seconds at the latest. */
  readonly started: () => Promise<QuorumSnapshot>;
  /** Aborts when the manager grants nothing any more: nobody waits any longer. */
  readonly draining: AbortSignal;
  readonly acquire: (key: string, options: AcquireOptions) => Promise<HeldLease>;
  /** Whether this process stands for an election of this name. */
  readonly isElection: (key: string) => boolean;
  readonly inspect: (key: string) => Promise<Inspection>;
  readonly history: (key: string) => Promise<readonly PastRun[]>;
}

export const wallMs = ({ clock }: RunContext): number => clock.stamp().wallMs;

/** How long to wait until an instant, as an acquire call takes it. */
export const waitUntil = (atMs: number, nowMs: number): number =>
  Math.max(1, Math.min(LONGEST_MS, Math.floor(atMs - nowMs)));

/**
 * Waits for a while, and not longer than the manager grants something. Rejects with the reason as soon as the
 * signal aborts. Like a call that waits for a lock, it keeps the process alive: somebody awaits the run.
 */
export function pauseFor(
  { clock, draining }: RunContext,
  forMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (signal?.aborted) return Promise.reject(signal.reason as Error);
  if (draining.aborted) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const end = (how: () => void): void => {
      timer.cancel();
      for (const unlisten of unlistens) unlisten();
      how();
    };
    const timer = clock.setTimer(() => end(resolve), forMs);
    const unlistens = [onAbort(draining, () => end(resolve))];
    if (signal !== undefined)
      unlistens.push(onAbort(signal, () => end(() => reject(signal.reason as Error))));
  });
}
