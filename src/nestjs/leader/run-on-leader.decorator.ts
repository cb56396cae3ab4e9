import { assertCalled, assertKnown, assertLegacyDecorator } from '../check-options.js';
import type { Seconds } from '../duration.js';
import { methodName, type Method, type MethodsOnly } from '../locked-method.js';
import { copyMetadata } from '../nest-metadata.js';
import { normalizeOptions } from '../normalize-options.js';
import { defineRunnerProperty, requireRunner } from '../runner-property.js';
import { DEFAULT_LOCKS } from '../tokens.js';
import { assertResource } from '../../index.js';
import { addLedMethod, type LedMethod } from './led-method.js';

/** The options of `@RunOnLeader()`. */
export interface RunOnLeaderOptions {
  /**
   * How long the others wait for a leader that died. In seconds or as a string such as `'15s'`, from 10 ms.
   * All methods of one election need the same.
   * @default 60, or the module's ttlMs
   */
  readonly ttl?: Seconds | undefined;
  /**
   * The `name` of the `QuorlockModule` on whose nodes the leader is elected.
   * @default the module without a name
   */
  readonly locks?: string | undefined;
}

/** Fits async methods. `applyDecorators()` of Nest takes it. */
export interface RunOnLeaderDecorator extends MethodsOnly {
  <M extends (...args: never[]) => Promise<unknown>>(
    target: object,
    property: string | symbol,
    descriptor: TypedPropertyDescriptor<M>,
  ): void;
}

/**
 * Runs an async method on the leader only: one of all workers that stand for the same election. On the others
 * a call resolves to `undefined`, and the method does not run. The application stands for election from its
 * start to its shutdown.
 *
 * Inside the method, `currentLease()` is the lease of the leader. A call whose lease was lost rejects with
 * `LeaseLostError`, even if the method ended well.
 *
 * A leader may change between two runs, and clocks differ: to run a `@Cron` method once for each scheduled
 * time, use `@DistributedLock`, alone or as well.
 *
 * ```ts
 * @Interval(1_000)
 * @RunOnLeader('outbox', { ttl: '15s' })
 * async sendOutbox() {}
 * ```
 */
export function RunOnLeader(election: string, options: RunOnLeaderOptions = {}): RunOnLeaderDecorator {
  assertCalled('@RunOnLeader', arguments);
  const decorate = (target: object, property: string | symbol, descriptor?: PropertyDescriptor): void => {
    assertLegacyDecorator('@RunOnLeader', property);
    const where = `@RunOnLeader on ${methodName(target, property)}`;
    if (typeof target !== 'object' || typeof descriptor?.value !== 'function') {
      throw new TypeError(`${where}: only a method of an instance can run on the leader`);
    }
    assertResource(election, `${where}: the name of the election`);
    assertKnown(where, options, ['ttl', 'locks']);
    const { ttl, locks = DEFAULT_LOCKS } = options;
    if (typeof locks !== 'string' || locks === '')
      throw new TypeError(`${where}: locks must be the name of a module`);
    const { ttlMs } = normalizeOptions(where, { ttl }, undefined);
    lead(target, descriptor, { property, election, ttlMs, locks });
  };
  return decorate as RunOnLeaderDecorator;
}

function lead(
  prototype: object,
  descriptor: PropertyDescriptor,
  declaration: Omit<LedMethod, 'original' | 'wrapper'>,
): void {
  const { property, locks } = declaration;
  const original = descriptor.value as Method;
  const wrapper = async function (this: object, ...args: unknown[]): Promise<unknown> {
    return requireRunner(this, locks, property).runOnLeader(led, this, args);
  };
  const led: LedMethod = { ...declaration, original, wrapper };
  copyMetadata(original, wrapper);
  descriptor.value = wrapper;
  defineRunnerProperty(prototype, locks);
  addLedMethod(prototype, led);
}
