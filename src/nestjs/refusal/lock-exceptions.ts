import { ConflictException, IntrinsicException, ServiceUnavailableException } from '@nestjs/common';
import { sharedByCopies } from '../shared-by-copies.js';
import type { Caller } from './caller.js';
import { toMessageException } from './message-exceptions.js';
import { refusalOf, type Refusal } from './refusal-facts.js';

/** The exceptions of each kind, whichever copy of the package has made them. */
const made = {
  locked: sharedByCopies('locked-exceptions:1', () => new WeakSet<object>()),
  unavailable: sharedByCopies('unavailable-exceptions:1', () => new WeakSet<object>()),
};

/**
 * `instanceof` for these exceptions: one of another copy of the package is one, too. A class that a user has
 * derived has its own instances only.
 */
function isMadeAs(kind: WeakSet<object>, own: object, asked: object, value: unknown): boolean {
  if (asked === own && typeof value === 'object' && value !== null) return kind.has(value);
  return Function.prototype[Symbol.hasInstance].call(asked, value);
}

/**
 * A 409 that knows its `Retry-After`. Nest's exceptions have no place for headers.
 */
export class LockedException extends ConflictException {
  static override [Symbol.hasInstance](value: unknown): value is LockedException {
    return isMadeAs(made.locked, LockedException, this, value);
  }

  constructor(
    message: string,
    readonly retryAfterSeconds: number,
    cause: unknown,
  ) {
    super(message, { cause });
    made.locked.add(this);
  }
}

/** A 503: no majority of the nodes answered, the lease was lost, or the application is shutting down. */
export class LockUnavailableException extends ServiceUnavailableException {
  static override [Symbol.hasInstance](value: unknown): value is LockUnavailableException {
    return isMadeAs(made.unavailable, LockUnavailableException, this, value);
  }

  constructor(
    message: string,
    /** The code of the lock's own error. */
    readonly code: string,
    cause: unknown,
  ) {
    super(message, { cause });
    made.unavailable.add(this);
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
  if (caller === 'websocket' || caller === 'grpc' || caller === 'rpc')
    return toMessageException(caller, refusal, error);
  return error;
}

function toHttpException({ message, code, retryAfterSeconds }: Refusal, cause: unknown): unknown {
  return retryAfterSeconds === undefined
    ? new LockUnavailableException(message, code, cause)
    : new LockedException(message, retryAfterSeconds, cause);
}
