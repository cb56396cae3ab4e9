import { Inject } from '@nestjs/common';
import type { LedMethod } from './leader/led-method.js';
import { methodName, type LockedMethod } from './locked-method.js';
import { getRunnerToken, runnerPropertyOf } from './tokens.js';

/** Runs decorated methods. `LockRunner` has this shape; it cannot be named here: it knows this file. */
export interface MethodRunner {
  /** Whether its application has ended, or is about to. */
  readonly isClosed: boolean;
  run(locked: LockedMethod, instance: object, args: unknown[]): Promise<unknown>;
  runOnLeader(led: LedMethod, instance: object, args: unknown[]): Promise<unknown>;
}

/**
 * The runners of each instance, by property. An object that Nest did not construct may belong to several
 * applications, at the same time or one after the other, as in tests.
 */
const runners = new WeakMap<object, Map<symbol, readonly MethodRunner[]>>();

/** That of the first application that has not ended. */
const firstOpen = (known: readonly MethodRunner[] | undefined): MethodRunner | undefined =>
  known?.find(({ isClosed }) => !isClosed) ?? known?.at(-1);

/**
 * Makes Nest inject the runner into a property of the class. The value is kept beside the instance and not on
 * it, so a serializer or `toEqual` sees no key that the author of the class did not write.
 */
export function defineRunnerProperty(prototype: object, locks: string): void {
  const property = runnerPropertyOf(locks);
  if (property in prototype) return;
  Object.defineProperty(prototype, property, {
    configurable: true,
    enumerable: false,
    get(this: object): MethodRunner | undefined {
      return firstOpen(runners.get(this)?.get(property));
    },
    set(this: object, runner: MethodRunner) {
      const own = runners.get(this) ?? new Map<symbol, readonly MethodRunner[]>();
      const open = own.get(property)?.filter((known) => known !== runner && !known.isClosed) ?? [];
      runners.set(this, own.set(property, [...open, runner]));
    },
  });
  Inject(getRunnerToken(locks))(prototype, property);
}

/**
 * Gives the runner to an instance that Nest did not construct. `isOfApplication` tells the runners of this
 * application: an instance that has one of them keeps it. Returns whether the runner runs its methods.
 */
export function giveRunner(
  instance: object,
  locks: string,
  runner: MethodRunner,
  isOfApplication: (runner: MethodRunner) => boolean,
): boolean {
  const property = runnerPropertyOf(locks);
  const known = runners.get(instance)?.get(property)?.find(isOfApplication);
  if (known === undefined) (instance as Record<symbol, MethodRunner>)[property] = runner;
  return known === undefined || known === runner;
}

/**
 * The runner of an instance. Fails closed: a method without a runner does not run at all, rather than without
 * its lock.
 *
 * @throws TypeError when the method was called without its instance.
 * @throws Error when the instance has no runner.
 */
export function requireRunner(
  instance: object | undefined,
  locks: string,
  method: string | symbol,
): MethodRunner {
  if (typeof instance !== 'object' || instance === null) {
    throw new TypeError(`${String(method)} has @DistributedLock and was called without its instance`);
  }
  const property = runnerPropertyOf(locks);
  const runner = (instance as Record<symbol, MethodRunner | undefined>)[property];
  if (runner === undefined) {
    throw new Error(
      `${methodName(instance, method)} has no lock service, so it does not run: ` +
        `${String(property.description)}, and Nest has to construct the instance or have it as a provider ` +
        'when the application starts',
    );
  }
  return runner;
}
