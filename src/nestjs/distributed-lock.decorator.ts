import { UseInterceptors } from '@nestjs/common';
import { retryAfter } from './lock-http.js';
import { lockMethod, type KeyOfCall, type Method } from './locked-method.js';
import {
  assertKey,
  assertKnown,
  assertOneOf,
  normalizeOptions,
  SETTINGS,
  type LockSettings,
  type OnHeld,
} from './lock-settings.js';
import { DEFAULT_LOCKS } from './tokens.js';

/** How `@DistributedLock()` locks a method. `Args` are the arguments that the key function takes. */
export interface DistributedLockOptions<Args extends readonly unknown[] = []> extends LockSettings {
  /**
   * What is locked: a string, unique to the job, or a function of the method's arguments, which may be async
   * and is called with the method's `this`. 1 to 512 bytes without control characters.
   * @default the class and the method, such as `TasksService.hourly`; minified code should name its own
   */
  readonly key?: string | ((...args: Args) => string | Promise<string>);
  /**
   * `'tick'`: of a `@Cron` method's scheduled instant there is one run in all, on whichever worker, although
   * clocks differ and the run was short. Where the schedule is changed at run time (`job.setTime()`) it has
   * to be `false`.
   * @default 'tick' for `@Cron` methods, `false` for all others
   */
  readonly once?: 'tick' | false;
  /**
   * What a call does that does not get the lock.
   * - `'skip'`: the body does not run and the call returns `undefined`, with a line in the log: an error when
   *   no quorum of nodes could be reached.
   * - `'throw'`: it rejects, on an HTTP route with a 409 (held) or a 503 (unreachable, shutting down),
   *   elsewhere with the lock's own error.
   * - `'wait'`: it waits for the lock as long as `wait`, then as `'throw'`.
   * @default 'throw' for HTTP routes and `@MessagePattern` methods, `'skip'` for all others
   */
  readonly onHeld?: OnHeld;
  /**
   * The `name` of the `QuorlockModule` whose nodes to lock on.
   * @default the module without a name
   */
  readonly locks?: string;
}

/** Why a decorator does not fit its method, as the compiler shows it. */
type Misfit<Reason extends string> = { readonly [reason in Reason]: never };

/** Fits async methods only, whose arguments the key function can take. */
export type DistributedLockDecorator<Args extends readonly unknown[]> = <
  M extends (...args: never[]) => Promise<unknown>,
>(
  target: object,
  property: string | symbol,
  descriptor: TypedPropertyDescriptor<M> &
    (((...args: [...Args]) => unknown) extends (...args: Parameters<M>) => unknown
      ? unknown
      : Misfit<'the key function does not fit the arguments of the method'>),
) => void;

const OPTIONS = [...SETTINGS, 'key', 'once', 'onHeld', 'locks'];

/**
 * Runs an async method on one worker at a time: the others skip the call, or reject it where somebody waits
 * for an answer (see `onHeld`). A `@Cron` method runs once per tick. `currentLease()` is the lease inside the
 * method, and its `signal` aborts when the lease is lost.
 *
 * It stands above or below `@Cron`, `@Interval`, `@Timeout`, `@Get`, `@MessagePattern`, `@OnEvent` and the
 * like. What the method throws is passed on untouched. A call whose lease was lost rejects with
 * `LeaseLostError`, though the method may have ended well, and a call on an instance without a lock service
 * rejects: the method never runs unlocked.
 *
 * Bad options throw a `RangeError` or `TypeError` when the class is defined.
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
  return (target, property, descriptor: PropertyDescriptor | undefined) => {
    const where = `@DistributedLock on ${nameOf(target)}.${String(property)}`;
    if (typeof target !== 'object' || typeof descriptor?.value !== 'function') {
      throw new TypeError(
        `${where}: only a method of an instance can be locked, and no accessor, field or static method`,
      );
    }
    assertKnown(where, options, OPTIONS);
    const { key, once, onHeld, locks = DEFAULT_LOCKS } = options;
    assertKey(where, key);
    assertOneOf(where, 'once', once, ['tick', false]);
    assertOneOf(where, 'onHeld', onHeld, ['skip', 'throw', 'wait']);
    if (typeof locks !== 'string' || locks === '')
      throw new TypeError(`${where}: locks must be the name of a module`);
    const normalizedOptions = normalizeOptions(where, options, onHeld);
    lockMethod(target, descriptor, {
      property,
      key: key as string | KeyOfCall | undefined,
      once,
      onHeld,
      locks,
      normalizedOptions,
    });
    // A route's 409 needs a header, which an exception cannot carry. Elsewhere nobody looks at the
    // interceptor.
    UseInterceptors(retryAfter)(target, property, descriptor as TypedPropertyDescriptor<Method>);
  };
}

const nameOf = (target: object): string =>
  typeof target === 'function' ? target.name : target.constructor.name;
