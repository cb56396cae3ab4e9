import { ConflictException, IntrinsicException, ServiceUnavailableException } from '@nestjs/common';
import type { Caller } from './caller.js';
import { toMessageException } from './message-exceptions.js';
import { refusalOf, type Refusal } from './refusal-facts.js';

/**
 * A 409 that knows its `Retry-After`. Nest's exceptions have no place for headers.
 */
export class LockedException extends ConflictException {
  constructor(
    message: string,
    readonly retryAfterSeconds: number,
    cause: unknown,
  ) {
    super(message, { cause });
  }
}

/** A 503: no majority of the nodes answered, the lease was lost, or the application is shutting down. */
export class LockUnavailableException extends ServiceUnavailableException {
  constructor(
    message: string,
    /** The code of the lock's own error. */
    readonly code: string,
    cause: unknown,
  ) {
    super(message, { cause });
  }
}

/** A lock's error for GraphQL: servers send the `extensions` of an error along with its message. */
export class LockGraphQLError extends IntrinsicException {
  readonly extensions: Readonly<Record<string, unknown>>;

  constructor({ message, ...extensions }: Refusal, cause: unknown) {
    super(message, { cause });
    this.name = new.target.name;
    this.extensions = extensions;
  }
}

/**
 * Converts the lock's own errors to the exceptions that reach this caller, and keeps them as the `cause`.
 * Other errors are unchanged, and so are all errors where nobody waits.
 */
export function toException(error: unknown, caller: Caller): unknown {
  const exception = exceptionFor(error, caller);
  return exception === error ? error : withoutFrames(exception);
}

/**
 * A refusal is no fault of the code: who logs its exception writes one line, also the scheduler at each tick.
 * Its cause has the stack. Apollo sends the stack to the client unless it runs in production.
 */
export function withoutFrames(exception: unknown): unknown {
  if (exception instanceof Error) {
    const value = `${exception.name}: ${exception.message}`;
    Object.defineProperty(exception, 'stack', { value, configurable: true, writable: true });
  }
  return exception;
}

function exceptionFor(error: unknown, caller: Caller): unknown {
  const refusal = refusalOf(error);
  if (refusal === undefined) return error;
  if (caller === 'http') return toHttpException(refusal, error);
  if (caller === 'graphql') return new LockGraphQLError(refusal, error);
  if (caller === 'websocket' || caller === 'rpc') return toMessageException(caller, refusal, error);
  return error;
}

function toHttpException({ message, code, retryAfterSeconds }: Refusal, cause: unknown): unknown {
  return retryAfterSeconds === undefined
    ? new LockUnavailableException(message, code, cause)
    : new LockedException(message, retryAfterSeconds, cause);
}
