import { LockNotAcquiredError } from '../../index.js';

/** The part of a job of BullMQ that is used here. Jobs of other queues do not have it. */
interface DelayableJob {
  readonly token?: string;
  moveToDelayed(timestamp: number, token: string): Promise<unknown>;
}

/** When a job is tried again if nobody knows when its lock can be free. */
const RETRY_MS = 5_000;
const SHORTEST_RETRY_MS = 1_000;

/**
 * Tells BullMQ that the job has been delayed, and has neither failed nor ended. It knows the error by its
 * name.
 */
class DelayedError extends Error {
  override readonly name = 'DelayedError';

  constructor(cause: unknown) {
    super('bullmq:movedToDelayed', { cause });
  }
}

/**
 * Ends the processing of a job whose body did not run, so that the job is not completed. A job of BullMQ is
 * delayed until its lock can be free, which uses up no attempt. Any other job fails with the lock's own
 * error, and is tried again if its queue says so.
 */
export async function refuseJob([job, token]: readonly unknown[], error: Error): Promise<never> {
  const delayable = job as Partial<DelayableJob> | null | undefined;
  const key = typeof token === 'string' ? token : delayable?.token;
  if (typeof delayable?.moveToDelayed !== 'function' || typeof key !== 'string') throw error;
  try {
    await delayable.moveToDelayed(Date.now() + delayMsOf(error), key);
  } catch (failure) {
    throw new AggregateError([error, failure], error.message, { cause: failure });
  }
  throw new DelayedError(error);
}

function delayMsOf(error: Error): number {
  const isKnown = error instanceof LockNotAcquiredError && error.retryAfterMs > 0;
  return isKnown ? Math.max(SHORTEST_RETRY_MS, error.retryAfterMs) : RETRY_MS;
}
