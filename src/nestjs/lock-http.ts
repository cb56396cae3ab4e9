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

/**
 * A 409 that knows its `Retry-After`. Nest's exceptions have no place for headers. It does not name the
 * lock's owner.
 */
class LockedException extends ConflictException {
  readonly retryAfterSeconds: number;

  constructor(cause: LockNotAcquiredError) {
    super('Locked by another request, try again later', { cause });
    // One second is the shortest time that the header can say; it also stands for an unknown time.
    this.retryAfterSeconds = Math.max(1, Math.ceil(cause.retryAfterMs / 1_000));
  }
}

/**
 * Converts the lock's own errors to exceptions with a status code, and keeps them as the `cause`. Others are
 * unchanged.
 */
export function toHttpException(error: unknown): unknown {
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

/**
 * Interceptor of routes with `@DistributedLock()`: writes the `Retry-After` header of their 409 responses.
 */
export const retryAfterInterceptor: NestInterceptor = {
  intercept: (context, next) =>
    next.handle().pipe(
      catchError((error: unknown) => {
        setRetryAfter(context, error);
        throw error;
      }),
    ),
};

/**
 * Writes the `Retry-After` header when the error is a 409 of a lock. `header()` exists in Express and in
 * Fastify.
 */
export function setRetryAfter(context: ExecutionContext, error: unknown): void {
  if (!(error instanceof LockedException) || context.getType() !== 'http') return;
  const response = context
    .switchToHttp()
    .getResponse<{ header?: (name: string, value: string) => unknown }>();
  response.header?.('Retry-After', String(error.retryAfterSeconds));
}
