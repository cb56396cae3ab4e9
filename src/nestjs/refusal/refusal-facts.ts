import {
  LeaseLostError,
  LockManagerClosedError,
  LockNotAcquiredError,
  QuorumUnreachableError,
  type LockError,
} from '../../index.js';

/**
 * What a client is told of a lock's error. It never names the lock's owner, who is another process of the
 * application.
 */
export interface Refusal {
  /** The code of the lock's own error. */
  readonly code: string;
  readonly message: string;
  /** When to try again, where that is known. */
  readonly retryAfterSeconds?: number;
}

/** What a client is told; `undefined` for an error that is not the lock's. */
export function refusalOf(error: unknown): Refusal | undefined {
  const message = messageFor(error);
  if (message === undefined) return undefined;
  const { code } = error as LockError;
  if (!(error instanceof LockNotAcquiredError)) return { code, message };
  // One second is the shortest time that the header can say; it also stands for an unknown time.
  return { code, message, retryAfterSeconds: Math.max(1, Math.ceil(error.retryAfterMs / 1_000)) };
}

function messageFor(error: unknown): string | undefined {
  if (error instanceof LockNotAcquiredError) return 'Locked by another request, try again later';
  if (error instanceof LockManagerClosedError) return 'Shutting down, try again later';
  if (error instanceof QuorumUnreachableError) return 'The lock service cannot be reached, try again later';
  if (error instanceof LeaseLostError) return 'The lock was lost before the request was done';
  return undefined;
}

/** What the client of a gateway or a microservice gets. */
export const payloadOf = (refusal: Refusal): object => ({ status: 'error', ...refusal });

/** A conflict with somebody else, as 409 is of HTTP. */
const ABORTED = 10;
/** As 503 is of HTTP. */
const UNAVAILABLE = 14;

/** What a client of gRPC gets: its status has a number for a code, and any other code is dropped. */
export const grpcStatusOf = ({ message, retryAfterSeconds }: Refusal): object => ({
  code: retryAfterSeconds === undefined ? UNAVAILABLE : ABORTED,
  details: message,
  message,
});
