import type { Clock } from '../../clock.js';
import { retryPauseMs } from '../../core/backoff.js';
import type { AcquireCall } from '../acquire/acquire-call.js';
import { errorOf, type NotAcquired } from '../acquire/attempt.js';
import { pause, type Cancellation } from '../acquire/cancellation.js';
import { HeldKeys } from '../lease/held-keys.js';
import type { HeldLease } from '../lease/held-lease.js';

/** Makes one attempt. Rejects with the reason as soon as it is cancelled. */
export type TryAcquire = (cancellation: Cancellation) => Promise<HeldKeys | NotAcquired>;

/** What all calls that may ask more than once have in common. */
export interface RetryContext {
  readonly clock: Clock;
  readonly random: () => number;
  /** Makes the lease of a call that was won by its n-th attempt, from 1. */
  readonly hold: (call: AcquireCall, keys: HeldKeys, attempts: number) => HeldLease;
}

/**
 * Tries until an attempt is won, as often as `retries` says, or until it is cancelled. Every wait here ends:
 * an attempt by its node timeouts, a pause by its length.
 */
export async function acquireWithRetries(
  context: RetryContext,
  call: AcquireCall,
  cancellation: Cancellation,
  tryAcquire: TryAcquire,
): Promise<HeldLease> {
  const { retries } = call.options;
  try {
    for (let attempts = 1; ; attempts++) {
      cancellation.throwIfCancelled();
      const result = await tryAcquire(cancellation);
      if (result instanceof HeldKeys) {
        call.endWait();
        return context.hold(call, result, attempts);
      }
      if (attempts > retries || result.kind === 'already_ran') throw errorOf(call.resources, result);
      call.beginWait();
      // A listener that heard of the wait may have cancelled it.
      cancellation.throwIfCancelled();
      await pause(context.clock, retryPauseMs(call.options, attempts, context.random()), cancellation);
      await result.undone;
    }
  } finally {
    call.endWait();
  }
}
