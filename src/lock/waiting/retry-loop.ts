import { jitteredMs } from '../../core/backoff.js';
import type { AttemptResult, NotWon, Won } from '../acquire/attempt.js';
import { LockNotAcquiredError, QuorumUnreachableError } from '../../api/errors.js';
import { holderOf } from '../quorum/holder-id.js';
import type { ResolvedAcquireOptions } from '../../api/options.js';
import { pause, type Cancellation } from './cancellation.js';
import type { HeldKeys } from '../lease/held-keys.js';
import { WaitEvents, type WaitEventContext } from './wait-events.js';

export interface Acquired {
  readonly keys: HeldKeys;
  /** How many attempts it took, from 1. */
  readonly attempts: number;
}

/** What all who may ask more than once have in common. */
export interface RetryContext extends WaitEventContext {
  readonly random: () => number;
}

/** Where the attempts come from, and what becomes of one that was won: a tenure, or, for nobody, nothing. */
export interface Attempts {
  attempt(isCancelled: () => boolean): Promise<AttemptResult>;
  begin(won: Won): HeldKeys;
  discard(won: Won): void;
}

/**
 * Attempts until one is won, or as often as `retries` says, or until it is stopped. Every wait here ends: an attempt by
 * its node timeouts, a pause by its length. Who waits by `waitMs` stands in line, see `Waiting`.
 */
export async function retryLoop(
  attempts: Attempts,
  context: RetryContext,
  resources: readonly string[],
  options: ResolvedAcquireOptions,
  cancellation: Cancellation,
): Promise<Acquired> {
  const wait = new WaitEvents(context, options.name, resources);
  try {
    for (let count = 1; ; count++) {
      cancellation.throwIfCancelled();
      const result = await attemptUnlessCancelled(attempts, cancellation);
      if (result.kind === 'won') return { keys: attempts.begin(result), attempts: count };
      if (count > options.retries || result.kind === 'already_ran') throw errorOf(resources, result);
      wait.begin();
      // Who heard of it may have ended it.
      cancellation.throwIfCancelled();
      await pause(context.clock, jitteredMs(options.retryDelayMs, context.random()), cancellation);
      // What the lost attempt left behind must not refuse the next one.
      await result.undone;
    }
  } finally {
    wait.end();
  }
}

/** An attempt that nobody waits for any more goes on to its end, and is given back if it was won. */
export function attemptUnlessCancelled(
  attempts: Attempts,
  cancellation: Cancellation,
): Promise<AttemptResult> {
  return new Promise((resolve, reject) => {
    const onCancel = (): void => reject(cancellation.reason!);
    cancellation.on(onCancel);
    attempts
      .attempt(() => cancellation.reason !== undefined)
      .then((result) => {
        cancellation.off(onCancel);
        if (cancellation.reason === undefined) resolve(result);
        else if (result.kind === 'won') attempts.discard(result);
      }, reject);
  });
}

/** What a caller is told of an attempt that was not won. */
export function errorOf(
  resources: readonly string[],
  result: NotWon,
): LockNotAcquiredError | QuorumUnreachableError {
  switch (result.kind) {
    case 'unreachable':
      return new QuorumUnreachableError(resources, result.votes, result.failure);
    case 'held':
      return new LockNotAcquiredError(resources, 'held', holderOf(result.owner), result.remainingMs);
    case 'already_ran':
    case 'contended':
      return new LockNotAcquiredError(resources, result.kind, undefined, 0);
  }
}
