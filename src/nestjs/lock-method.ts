import { addLockedMethod, methodName, type LockedMethod, type Method } from './locked-method.js';
import { copyMetadata } from './nest-metadata.js';
import { defineRunnerProperty, requireRunner } from './runner-property.js';

// A registered symbol: an ESM and a CJS copy of this package in one process see each other's methods.
const ORIGINAL = Symbol.for('quorlock:original');

/**
 * Replaces a method by one that runs under its lock. This happens when the class is defined and not later:
 * @nestjs/schedule, the router and others take the function from the class when the application starts, so a
 * later replacement would run unlocked.
 *
 * @throws TypeError when the method is locked already.
 */
export function lockMethod(
  prototype: object,
  descriptor: PropertyDescriptor,
  declaration: Omit<LockedMethod, 'wrapper' | 'original'>,
): void {
  const { property, locks } = declaration;
  const original = descriptor.value as Method;
  if (ORIGINAL in original) {
    throw new TypeError(
      `${methodName(prototype, property)} has @DistributedLock twice; it takes one: ` +
        'to lock several things, give it a list of keys',
    );
  }
  const wrapper = async function (this: object, ...args: unknown[]): Promise<unknown> {
    return requireRunner(this, locks, property).run(locked, this, args);
  };
  const locked: LockedMethod = { ...declaration, original, wrapper };
  copyMetadata(original, wrapper);
  Object.defineProperty(wrapper, ORIGINAL, { value: original });
  descriptor.value = wrapper;
  defineRunnerProperty(prototype, locks);
  addLockedMethod(prototype, locked);
}

/**
 * The method as it was written, without its lock, for a unit test of its body: `await
 * unlocked(tasks.hourly).call(tasks)`.
 *
 * @throws TypeError when the method was not decorated with `@DistributedLock()`.
 */
export function unlocked<M extends (...args: never[]) => unknown>(method: M): M {
  const original: unknown = (method as { [ORIGINAL]?: unknown } | undefined)?.[ORIGINAL];
  if (original === undefined)
    throw new TypeError('unlocked() takes a method decorated with @DistributedLock()');
  return original as M;
}
