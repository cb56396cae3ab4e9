import {
  Inject,
  Injectable,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
  type Type,
} from '@nestjs/common';
import { Observable, type Subscription } from 'rxjs';
import { LeaseLostError, type Lease } from '../index.js';
import { setRetryAfter, toHttpException } from './lock-http.js';
import type { LockRunner } from './lock-runner.js';
import type { NormalizedOptions } from './normalize-options.js';
import { getRunnerToken } from './tokens.js';

/** A handler with `@LockedHandler()`, as its metadata describes it. */
export interface LockedHandlerMetadata {
  readonly key: string | ((context: ExecutionContext) => string | Promise<string>) | undefined;
  readonly onHeld: 'throw' | 'wait';
  /** The name of the module instance that locks it. */
  readonly locks: string;
  readonly normalizedOptions: NormalizedOptions;
  /** The lock's name in metrics, and its key when there is no other. */
  labelFor(owner: object, property: string): string;
}

/** The metadata key under which `@LockedHandler()` describes a handler. */
export const LOCKED_HANDLER = 'quorlock:locked-handler';

/** The description of a handler; `undefined` without `@LockedHandler()`. */
export const lockedHandlerMetadataOf = (handler: unknown): LockedHandlerMetadata | undefined =>
  typeof handler === 'function'
    ? (Reflect.getMetadata(LOCKED_HANDLER, handler) as LockedHandlerMetadata | undefined)
    : undefined;

const interceptors = new Map<string, Type<NestInterceptor>>();

/**
 * The interceptor class of one module instance. Each instance needs its own, because Nest injects by class.
 */
export function interceptorOf(locks: string): Type<NestInterceptor> {
  @Injectable()
  class LockInterceptor implements NestInterceptor {
    constructor(@Inject(getRunnerToken(locks)) private readonly runner: LockRunner) {}

    intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
      const handler = lockedHandlerMetadataOf(context.getHandler());
      return handler === undefined ? next.handle() : handleLocked(this.runner, handler, context, next);
    }
  }
  const known = interceptors.get(locks) ?? LockInterceptor;
  interceptors.set(locks, known);
  return known;
}

/**
 * Handles one request under its lock: acquires when subscribed to, releases at the handler's end or when
 * unsubscribed.
 */
function handleLocked(
  runner: LockRunner,
  handler: LockedHandlerMetadata,
  context: ExecutionContext,
  next: CallHandler,
): Observable<unknown> {
  return new Observable((subscriber) => {
    const unsubscribed = new AbortController();
    let key = '';
    let lease: Lease | undefined;
    let handling: Subscription | undefined;
    let endHandling = (): void => undefined;

    const handle = (held: Lease): Promise<void> =>
      new Promise((resolve, reject) => {
        lease = held;
        endHandling = resolve;
        // Tells the client at once: after the loss, nothing that the handler does can make this request a
        // success.
        held.signal.addEventListener('abort', () => reject(held.signal.reason as Error), { once: true });
        handling = next.handle().subscribe({
          next: (value) => subscriber.next(value),
          error: reject,
          complete: resolve,
        });
      });

    const run = async (): Promise<void> => {
      const owner = context.getClass().prototype as object;
      const label = handler.labelFor(owner, context.getHandler().name);
      key = typeof handler.key === 'function' ? await handler.key(context) : (handler.key ?? label);
      const options = runner.acquireOptions(handler.normalizedOptions, handler.onHeld, label);
      await runner.locks.withLock(key, { ...options, signal: unsubscribed.signal }, handle);
    };

    run().then(
      () => subscriber.complete(),
      (error: unknown) => {
        handling?.unsubscribe();
        const isLockError = lease === undefined || (error instanceof LeaseLostError && lease.signal.aborted);
        if (isLockError && !unsubscribed.signal.aborted) runner.log.requestFailed(key, error);
        const thrown = isLockError && context.getType() === 'http' ? toHttpException(error) : error;
        setRetryAfter(context, thrown);
        subscriber.error(thrown);
      },
    );
    return () => {
      unsubscribed.abort();
      handling?.unsubscribe();
      endHandling();
    };
  });
}
