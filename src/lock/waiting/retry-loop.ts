import { jitteredMs } from '../../core/backoff.js';
import type { AttemptResult, NotWon, Won } from '../acquire/attempt.js';
import { LockContendedError, QuorumUnreachableError } from '../../api/errors.js';
import { holderOf } from '../quorum/holder-id.js';
import type { ResolvedAcquireOptions } from '../../api/options.js';
import { pause, type Stop } from './cancellation.js';
import type { HeldKeys } from '../lease/held-keys.js';
import { Wait, type WaitTeller } from './wait-events.js';

export interface Acquired {
  readonly keys: HeldKeys;
  /** How many attempts it took, from 1. */
  readonly attempts: number;
}

/** What all who may ask more than once have in common. */
export interface AcquisitionContext extends WaitTeller {
  readonly random: () => number;
}

/** Where the attempts come from, and what becomes of one that was won: a tenure, or, for nobody, nothing. */
export interface Attempts {
  attempt(isAbandoned: () => boolean): Promise<AttemptResult>;
  begin(won: Won): HeldKeys;
  discard(won: Won): void;
}

/**
 * Attempts until one is won, or as often as `retries` says, or until it is stopped. Every wait here ends: an attempt by
 * its node timeouts, a pause by its length. Who waits by `waitMs` stands in line, see `Waiting`.
 */
export async function acquisition(
  attempts: Attempts,
  context: AcquisitionContext,
  resources: readonly string[],
  options: ResolvedAcquireOptions,
  stop: Stop,
): Promise<Acquired> {
  const wait = new Wait(context, options.name, resources);
  try {
    for (let count = 1; ; count++) {
      stop.throwIfStopped();
      const result = await orStopped(attempts, stop);
      if (result.kind === 'won') return { keys: attempts.begin(result), attempts: count };
      if (count > options.retries || result.kind === 'already_ran') throw errorOf(resources, result);
      wait.begin();
      // Who heard of it may have ended it.
      stop.throwIfStopped();
      await pause(context.clock, jitteredMs(options.retryDelayMs, context.random()), stop);
      // What the lost attempt left behind must not refuse the next one.
      await result.undone;
    }
  } finally {
    wait.end();
  }
}

/** An attempt that nobody waits for any more goes on to its end, and is given back if it was won. */
export function orStopped(attempts: Attempts, stop: Stop): Promise<AttemptResult> {
  return new Promise((resolve, reject) => {
    const onStop = (): void => reject(stop.reason!);
    stop.on(onStop);
    attempts
      .attempt(() => stop.reason !== undefined)
      .then((result) => {
        stop.off(onStop);
        if (stop.reason === undefined) resolve(result);
        else if (result.kind === 'won') attempts.discard(result);
      }, reject);
  });
}

/** What a caller is told of an attempt that was not won. */
export function errorOf(
  resources: readonly string[],
  result: NotWon,
): LockContendedError | QuorumUnreachableError {
  switch (result.kind) {
    case 'unreachable':
      return new QuorumUnreachableError(resources, result.votes, result.failure);
    case 'held':
      return new LockContendedError(resources, 'held', holderOf(result.owner), result.remainingMs);
    case 'already_ran':
    case 'contended':
      return new LockContendedError(resources, result.kind, undefined, 0);
  }
}
