import { UseInterceptors } from '@nestjs/common';
import { assertCalled, assertKnown, assertLegacyDecorator, assertOneOf } from './check-options.js';
import { assertKeys, type Keys } from './keys/key-source.js';
import { lockMethod } from './lock-method.js';
import { SETTINGS, type LockSettings, type OnHeld, type OnUnavailable } from './lock-settings.js';
import {
  methodName,
  type IsAny,
  type KeyOfCall,
  type Method,
  type MethodsOnly,
  type Misfit,
} from './locked-method.js';
import { normalizeOptions } from './normalize-options.js';
import { assertNoRuns, normalizeRuns } from './runs/normalize-runs.js';
import { RUN_SETTINGS, type RunSettings } from './runs/run-settings.js';
import { requestInterceptor } from './request/request.interceptor.js';
import { DEFAULT_LOCKS } from './tokens.js';

/** How `@DistributedLock()` locks a method. `Args` are the arguments that the key function takes. */
export interface DistributedLockOptions<Args extends readonly unknown[] = []>
  extends LockSettings, RunSettings {
  /**
   * The resource to lock: a string that no other job has, or a function of the method's arguments. The
   * function may be async and is called with the method's `this`. 1 to 512 bytes without control characters.
   * A list of up to 64 resources is locked all or nothing; a `@Cron` method with a list needs `once: false`.
   * @default the application, the class and the method, such as `orders:TasksService.hourly`. Give a key
   * where code is minified, and where workers of several versions run side by side
   */
  readonly key?: Keys | ((...args: Args) => Keys | Promise<Keys>) | undefined;
  /**
   * The value of the call that the key ends with, after a colon: a path into the first argument, such as
   * `'user.id'`, or into the argument with the number that it begins with, from 0, such as `'1.id'`. The call
   * rejects if it leads to no text, number or boolean. The key must then be a string, or the default one.
   * @default none
   */
  readonly keyPath?: string | undefined;
  /**
   * `'tick'`: a `@Cron` method runs once for each scheduled time, on one of the workers, even if their clocks
   * differ and the run was short. `false`: the lock alone decides. It has to be `false` where `job.setTime()`
   * changes the schedule.
   * @default 'tick' for `@Cron` methods, `false` for all others
   */
  readonly once?: 'tick' | false | undefined;
  /**
   * What a call does when somebody else has the lock.
   * - `'skip'`: the method does not run, the call returns `undefined`, and a line is logged.
   * - `'throw'`: the call rejects in the way of its caller. An HTTP route answers 409 (held) or 503
   *   (shutting down), a resolver of GraphQL fails with an extension code, a handler of a
   *   gateway or a microservice with a `WsException` or an `RpcException`. A job of BullMQ is delayed, a job
   *   of @nestjs/bull fails. Other code gets the lock's own error.
   * - `'wait'`: the call waits for the lock as long as `wait`, and then does as with `'throw'`.
   * @default 'throw' where somebody waits for the result, as above, and `'skip'` for all other methods
   */
  readonly onHeld?: OnHeld | undefined;
  /**
   * What a call does when no majority of the nodes can be reached.
   * - `'skip'`: the method does not run, the call returns `undefined`, and an error is logged. A job of a
   *   queue is not skipped but refused as by `'throw'`: it would be taken for completed.
   * - `'throw'`: the call rejects in the way of its caller, like a held lock; a route answers 503.
   * - `'run'`: the method runs **without the lock**, on every worker that calls it, and a warning is logged.
   *   `currentLease()` is `undefined`.
   *
   * A call during the shutdown is skipped or rejected, never run.
   * @default 'skip' where `onHeld` is `'skip'` and nobody waits for the result, and `'throw'` otherwise
   */
  readonly onUnavailable?: OnUnavailable | undefined;
  /**
   * The `name` of the `QuorlockModule` on whose nodes to lock.
   * @default the module without a name
   */
  readonly locks?: string | undefined;
}

/** Fits async methods whose arguments the key function can take. `applyDecorators()` of Nest takes it. */
export interface DistributedLockDecorator<Args extends readonly unknown[]> extends MethodsOnly {
  <M extends (...args: never[]) => Promise<unknown>>(
    target: object,
    property: string | symbol,
    descriptor: TypedPropertyDescriptor<M> &
      (true extends IsAny<M>
        ? unknown
        : ((...args: [...Args]) => unknown) extends (...args: Parameters<M>) => unknown
          ? unknown
          : Misfit<'the key function does not fit the arguments of the method'>),
  ): void;
}

const OPTIONS = [...SETTINGS, ...RUN_SETTINGS, 'key', 'keyPath', 'once', 'onHeld', 'onUnavailable', 'locks'];

/**
 * Runs an async method on one worker at a time. The others skip the call, or reject it where a caller waits
 * for the answer (see `onHeld`). A `@Cron` method runs once per tick, and each time that somebody starts it
 * by hand. Inside the method, `currentLease()` is the lease; its `signal` aborts when the lease is lost, and
 * when the request ends that the method handles.
 *
 * The lock is released when the promise has settled. If it gives an Observable, a stream or an async
 * iterable, the lock is released when that has ended.
 *
 * The decorator may stand above or below `@Cron`, `@Interval`, `@Timeout`, `@Get`, `@MessagePattern`,
 * `@OnEvent` and the like. What the method throws is passed on unchanged. A call whose lease was lost rejects
 * with `LeaseLostError`, even if the method ended well. A call on an instance without a lock service rejects:
 * the method never runs unlocked.
 *
 * Bad options throw a `RangeError` or a `TypeError` when the class is defined.
 *
 * ```ts
 * @Cron(CronExpression.EVERY_HOUR)
 * @DistributedLock({ key: 'hourly-task', ttl: 300 })
 * async hourly() {}
 *
 * @DistributedLock({ key: (userId: string) => `user:${userId}` })
 * async sync(userId: string) {}
 * ```
 */
export function DistributedLock<Args extends readonly unknown[] = []>(
  options: DistributedLockOptions<Args> = {},
): DistributedLockDecorator<Args> {
  assertCalled('@DistributedLock', arguments);
  const decorate = (target: object, property: string | symbol, descriptor?: PropertyDescriptor): void => {
    assertLegacyDecorator('@DistributedLock', property);
    const where = `@DistributedLock on ${methodName(target, property)}`;
    if (typeof target !== 'object' || typeof descriptor?.value !== 'function') {
      throw new TypeError(
        `${where}: only a method of an instance can be locked, no accessor, field or static method`,
      );
    }
    assertKnown(where, options, OPTIONS);
    const { key, keyPath, once, onHeld, onUnavailable, locks = DEFAULT_LOCKS } = options;
    assertKeys(where, key, keyPath);
    assertOneOf(where, 'once', once, ['tick', false]);
    assertOneOf(where, 'onHeld', onHeld, ['skip', 'throw', 'wait']);
    assertOneOf(where, 'onUnavailable', onUnavailable, ['skip', 'throw', 'run']);
    if (typeof locks !== 'string' || locks === '')
      throw new TypeError(`${where}: locks must be the name of a module`);
    const normalizedOptions = normalizeOptions(where, options, onHeld);
    const runs = normalizeRuns(where, options);
    if (once === false) assertNoRuns(where, runs, once);
    lockMethod(target, descriptor, {
      property,
      key: key as Keys | KeyOfCall | undefined,
      keyPath,
      once,
      onHeld,
      onUnavailable,
      locks,
      normalizedOptions,
      runs,
    });
    // A handler has to know its request: when it ends, and where the header of a 409 goes. On other methods
    // Nest ignores it.
    UseInterceptors(requestInterceptor)(target, property, descriptor as TypedPropertyDescriptor<Method>);
  };
  return decorate as DistributedLockDecorator<Args>;
}
