import {
  applyDecorators,
  Inject,
  Injectable,
  SetMetadata,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
  type Type,
} from '@nestjs/common';
import { Observable, type Subscription } from 'rxjs';
import { LeaseLostError, type Lease } from '../index.js';
import { asHttpException, setRetryAfter } from './lock-http.js';
import type { LockRunner } from './lock-runner.js';
import {
  assertKey,
  assertKnown,
  assertOneOf,
  normalizeOptions,
  SETTINGS,
  type LockSettings,
  type NormalizedOptions,
} from './lock-settings.js';
import { methodName } from './locked-method.js';
import { DEFAULT_LOCKS, getRunnerToken } from './tokens.js';

/** How `@LockedHandler()` locks a handler. */
export interface LockedHandlerOptions extends LockSettings {
  /**
   * What is locked: a string, or a function of the request, which may be async. 1 to 512 bytes without
   * control characters.
   * @default the class and the method, such as `InvoicesController.pay`
   */
  readonly key?: string | ((context: ExecutionContext) => string | Promise<string>);
  /**
   * Whether a request for a held lock is refused at once, or waits as long as `wait` first.
   * @default 'throw'
   */
  readonly onHeld?: 'throw' | 'wait';
  /**
   * The `name` of the `QuorlockModule` whose nodes to lock on.
   * @default the module without a name
   */
  readonly locks?: string;
}

/** What the decorator leaves on the handler. */
export interface HandlerLock {
  readonly key: LockedHandlerOptions['key'];
  readonly onHeld: 'throw' | 'wait';
  readonly locks: string;
  readonly normalizedOptions: NormalizedOptions;
  labelFor(owner: object, property: string): string;
}

const HANDLER_LOCK = 'quorlock:handler-lock';
const OPTIONS = [...SETTINGS, 'key', 'onHeld', 'locks'];

export const handlerLockOf = (handler: unknown): HandlerLock | undefined =>
  typeof handler === 'function'
    ? (Reflect.getMetadata(HANDLER_LOCK, handler) as HandlerLock | undefined)
    : undefined;

/**
 * Locks a controller's handler while a request is handled: from before it is called, after the guards, until
 * its result or its Observable completes, fails, or is unsubscribed. `currentLease()` is the lease inside the
 * handler.
 *
 * A request for a held lock gets 409 Conflict with `Retry-After`; one that finds no quorum of nodes, or an
 * application that is shutting down, 503 Service Unavailable; so does a request whose lease is lost before it
 * is done. The lock's own error is the exception's `cause`. In other transports than HTTP that error is
 * thrown as it is. What the handler throws is passed on untouched. Bad options throw a `RangeError` or
 * `TypeError` when the class is defined.
 *
 * ```ts
 * @Post('invoices/:id/pay')
 * @LockedHandler({ key: (context) => `invoice:${context.switchToHttp().getRequest().params.id}`, ttl: 30 })
 * pay(@Param('id') id: string) {}
 * ```
 */
export function LockedHandler(options: LockedHandlerOptions = {}): MethodDecorator {
  return (target, property, descriptor) => {
    const where = `@LockedHandler on ${methodName(target, property)}`;
    assertKnown(where, options, OPTIONS);
    const { key, onHeld = 'throw', locks = DEFAULT_LOCKS } = options;
    assertKey(where, key);
    assertOneOf(where, 'onHeld', onHeld, ['throw', 'wait']);
    const lock: HandlerLock = {
      key,
      onHeld,
      locks,
      normalizedOptions: normalizeOptions(where, options, onHeld),
      labelFor: (owner, name) => (typeof key === 'string' ? key : methodName(owner, name)).slice(0, 128),
    };
    applyDecorators(SetMetadata(HANDLER_LOCK, lock), UseInterceptors(interceptorOf(locks)))(
      target,
      property,
      descriptor,
    );
  };
}

const interceptors = new Map<string, Type<NestInterceptor>>();

/** One class for each module instance, since Nest injects by class. */
function interceptorOf(locks: string): Type<NestInterceptor> {
  @Injectable()
  class LockInterceptor implements NestInterceptor {
    constructor(@Inject(getRunnerToken(locks)) private readonly runner: LockRunner) {}

    intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
      const lock = handlerLockOf(context.getHandler());
      return lock === undefined ? next.handle() : lockedHandling(this.runner, lock, context, next);
    }
  }
  const known = interceptors.get(locks) ?? LockInterceptor;
  interceptors.set(locks, known);
  return known;
}

function lockedHandling(
  runner: LockRunner,
  lock: HandlerLock,
  context: ExecutionContext,
  next: CallHandler,
): Observable<unknown> {
  return new Observable((subscriber) => {
    const gone = new AbortController();
    let key = '';
    let lease: Lease | undefined;
    let handling: Subscription | undefined;
    let stop = (): void => undefined;

    const handle = (held: Lease): Promise<void> =>
      new Promise((resolve, reject) => {
        lease = held;
        stop = resolve;
        // The client is told at once: nothing the handler still does can make this request a success.
        held.signal.addEventListener('abort', () => reject(held.signal.reason as Error), { once: true });
        handling = next.handle().subscribe({
          next: (value) => subscriber.next(value),
          error: reject,
          complete: resolve,
        });
      });

    const run = async (): Promise<void> => {
      const owner = context.getClass().prototype as object;
      const label = lock.labelFor(owner, context.getHandler().name);
      key = typeof lock.key === 'function' ? await lock.key(context) : (lock.key ?? label);
      const options = runner.options(lock.normalizedOptions, lock.onHeld, label);
      await runner.locks.withLock(key, { ...options, signal: gone.signal }, handle);
    };

    run().then(
      () => subscriber.complete(),
      (error: unknown) => {
        handling?.unsubscribe();
        const isOurs = lease === undefined || (error instanceof LeaseLostError && lease.signal.aborted);
        if (isOurs && !gone.signal.aborted) runner.logForClient(key, error);
        const told = isOurs && context.getType() === 'http' ? asHttpException(error) : error;
        setRetryAfter(context, told);
        subscriber.error(told);
      },
    );
    return () => {
      gone.abort();
      handling?.unsubscribe();
      stop();
    };
  });
}
