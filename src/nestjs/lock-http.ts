import {
  ConflictException,
  ServiceUnavailableException,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { catchError } from 'rxjs';
import {
  LeaseLostError,
  LockNotAcquiredError,
  LockManagerClosedError,
  QuorumUnreachableError,
} from '../index.js';

/** A 409 that knows its `Retry-After`, which Nest's exceptions have no place for. The client is not told who the owner is. */
class LockedException extends ConflictException {
  readonly retryAfterSeconds: number;

  constructor(cause: LockNotAcquiredError) {
    super('Locked by another request, try again later', { cause });
    // Where nobody knows how long it takes, a second is the shortest time that the header can say.
    this.retryAfterSeconds = Math.max(1, Math.ceil(cause.retryAfterMs / 1_000));
  }
}

/** What a client is told instead of the lock's own error, which becomes the `cause`; other errors are left as they are. */
export function asHttpException(error: unknown): unknown {
  if (error instanceof LockNotAcquiredError) return new LockedException(error);
  if (error instanceof LockManagerClosedError) {
    return new ServiceUnavailableException('Shutting down, try again later', { cause: error });
  }
  if (error instanceof QuorumUnreachableError) {
    return new ServiceUnavailableException('The lock service cannot be reached, try again later', {
      cause: error,
    });
  }
  if (error instanceof LeaseLostError) {
    return new ServiceUnavailableException('The lock was lost before the request was done', { cause: error });
  }
  return error;
}

/** Writes the `Retry-After` of a 409 that comes by. `header()` is what Express and Fastify have in common. */
export const retryAfter: NestInterceptor = {
  intercept: (context, next) =>
    next.handle().pipe(
      catchError((error: unknown) => {
        setRetryAfter(context, error);
        throw error;
      }),
    ),
};

export function setRetryAfter(context: ExecutionContext, error: unknown): void {
  if (!(error instanceof LockedException) || context.getType() !== 'http') return;
  const response = context
    .switchToHttp()
    .getResponse<{ header?: (name: string, value: string) => unknown }>();
  response.header?.('Retry-After', String(error.retryAfterSeconds));
}
