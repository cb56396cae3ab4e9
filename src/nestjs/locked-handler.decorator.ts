import { applyDecorators, SetMetadata, UseInterceptors, type ExecutionContext } from '@nestjs/common';
import { assertCalled, assertKnown, assertLegacyDecorator, assertOneOf } from './check-options.js';
import { assertKeys, type Keys } from './keys/key-source.js';
import { SETTINGS, type LockSettings } from './lock-settings.js';
import { interceptorOf } from './request/lock.interceptor.js';
import {
  LOCKED_HANDLER,
  lockedHandlerMetadataOf,
  type LockedHandlerMetadata,
} from './request/locked-handler.js';
import { methodName, type Method } from './locked-method.js';
import { normalizeOptions } from './normalize-options.js';
import { followHandler } from './request/handling.js';
import { DEFAULT_LOCKS } from './tokens.js';

/** How `@LockedHandler()` locks a handler. */
export interface LockedHandlerOptions extends LockSettings {
  /**
   * The resource to lock: a string, or a function of the request, which may be async. 1 to 512 bytes without
   * control characters. A list of up to 64 resources is locked all or nothing.
   * @default the application, the class and the method, such as `orders:InvoicesController.pay`
   */
  readonly key?: Keys | ((context: ExecutionContext) => Keys | Promise<Keys>) | undefined;
  /**
   * The value of the request that the key ends with, after a colon: a path into the HTTP request, such as
   * `'params.id'`, into the arguments of GraphQL, or into the data of a message. The request fails if it
   * leads to no text, number or boolean. The key must then be a string, or the default one.
   * @default none
   */
  readonly keyPath?: string | undefined;
  /**
   * What a request does that finds the lock held.
   * - `'throw'`: it fails with 409, or with the error of another transport, at once or after its `retries`.
   * - `'wait'`: it waits for the lock as long as `wait`, and then fails in the same way.
   * @default 'throw'
   */
  readonly onHeld?: 'throw' | 'wait' | undefined;
  /**
   * What a request does when no majority of the nodes can be reached.
   * - `'throw'`: it fails with 503, or with the error of another transport.
   * - `'run'`: it is handled **without the lock**, and a warning is logged. `currentLease()` is `undefined`.
   *
   * A request during the shutdown fails.
   * @default 'throw'
   */
  readonly onUnavailable?: 'throw' | 'run' | undefined;
  /**
   * The `name` of the `QuorlockModule` on whose nodes to lock.
   * @default the module without a name
   */
  readonly locks?: string | undefined;
}

const OPTIONS = [...SETTINGS, 'key', 'keyPath', 'onHeld', 'onUnavailable', 'locks'];

/**
 * Locks a controller's handler while a request is handled. The lock is acquired after the guards, and before
 * the pipes and the handler. It is released when the handler's promise has settled, and its Observable, its
 * stream or the response that it sends by itself has ended, whichever is last.
 *
 * `currentLease()` is the lease inside the handler. Its `signal` aborts when the lease is lost, and with a
 * `RequestEndedError` when the request ends before the handler: by a timeout, or because the client went
 * away. The lock is held all the same until the handler has ended.
 *
 * A request fails with 409 Conflict and `Retry-After` when the lock is held. It fails with 503 Service
 * Unavailable when no quorum of the nodes can be reached, when the application is shutting down, and when the
 * lease is lost before the request is done. GraphQL gets an error with an extension code, a gateway a
 * `WsException`, a microservice an `RpcException`. The lock's own error is the exception's `cause`. What the
 * handler throws is passed on unchanged.
 *
 * Bad options throw a `RangeError` or a `TypeError` when the class is defined.
 *
 * ```ts
 * @Post('invoices/:id/pay')
 * @LockedHandler({ key: (context) => `invoice:${context.switchToHttp().getRequest().params.id}`, ttl: 30 })
 * pay(@Param('id') id: string) {}
 * ```
 */
export function LockedHandler(options: LockedHandlerOptions = {}): MethodDecorator {
  assertCalled('@LockedHandler', arguments);
  return <T>(target: object, property: string | symbol, descriptor: TypedPropertyDescriptor<T>) => {
    assertLegacyDecorator('@LockedHandler', property);
    const where = `@LockedHandler on ${methodName(target, property)}`;
    const method = (descriptor as PropertyDescriptor | undefined)?.value as unknown;
    if (typeof target !== 'object' || typeof method !== 'function')
      throw new TypeError(`${where}: only a method of an instance can be a handler`);
    if (lockedHandlerMetadataOf(method) !== undefined)
      throw new TypeError(`${where}: the method has @LockedHandler twice; it takes one`);
    assertKnown(where, options, OPTIONS);
    const { key, keyPath, onHeld = 'throw', onUnavailable = 'throw', locks = DEFAULT_LOCKS } = options;
    assertKeys(where, key, keyPath);
    assertOneOf(where, 'onHeld', onHeld, ['throw', 'wait']);
    assertOneOf(where, 'onUnavailable', onUnavailable, ['throw', 'run']);
    const metadata: LockedHandlerMetadata = {
      key,
      keyPath,
      onHeld,
      onUnavailable,
      locks,
      normalizedOptions: normalizeOptions(where, options, onHeld),
    };
    descriptor.value = followHandler(metadata, method as Method) as T;
    applyDecorators(SetMetadata(LOCKED_HANDLER, metadata), UseInterceptors(interceptorOf(locks)))(
      target,
      property,
      descriptor,
    );
  };
}
