import { Inject } from '@nestjs/common';
import type { OnHeld, NormalizedOptions } from './lock-settings.js';
import { getRunnerToken, slotOf } from './tokens.js';

/** Any method, as a decorator finds it. */
export type Method = (this: object, ...args: unknown[]) => unknown;
/** A key that depends on the arguments of the call. */
export type KeyOfCall = (this: object, ...args: unknown[]) => string | Promise<string>;

/** One decorated method: what the decorator was told, and what it replaced. */
export interface LockedMethod {
  readonly property: string | symbol;
  readonly wrapper: Method;
  readonly original: Method;
  /** The name of the module instance that locks it. */
  readonly locks: string;
  readonly key: string | KeyOfCall | undefined;
  readonly once: 'tick' | false | undefined;
  readonly onHeld: OnHeld | undefined;
  readonly normalizedOptions: NormalizedOptions;
}

/** What runs a locked method. Its shape stands here because the runner itself knows this file. */
interface Runner {
  run(locked: LockedMethod, instance: object, args: unknown[]): Promise<unknown>;
}

// Registered symbols, so that an ESM and a CJS copy of this package in one process see each other's methods.
const LOCKED_METHODS = Symbol.for('quorlock:locked-methods');
const ORIGINAL = Symbol.for('quorlock:original');

/**
 * Puts a locked function in the place of a method, once and for good: @nestjs/schedule, the router and others take the
 * function from the class when the application starts, and what is replaced later runs unlocked.
 */
export function lockMethod(
  prototype: object,
  descriptor: PropertyDescriptor,
  describe: Omit<LockedMethod, 'wrapper' | 'original'>,
): void {
  const original = descriptor.value as Method;
  if (ORIGINAL in original) {
    throw new TypeError(
      `${methodName(prototype, describe.property)} has @DistributedLock twice; it takes one`,
    );
  }
  const slot = slotOf(describe.locks);
  const wrapper = async function (this: object, ...args: unknown[]): Promise<unknown> {
    return runnerOf(this, slot, describe.property).run(locked, this, args);
  };
  const locked: LockedMethod = { ...describe, original, wrapper };
  copyMetadata(wrapper, original);
  Object.defineProperty(wrapper, ORIGINAL, { value: original });
  descriptor.value = wrapper;
  openSlot(prototype, slot, describe.locks);
  const own = (Reflect.getOwnMetadata(LOCKED_METHODS, prototype) ?? []) as LockedMethod[];
  Reflect.defineMetadata(LOCKED_METHODS, [...own, locked], prototype);
}

/** The decorated methods of a class, inherited ones too. */
export function lockedMethodsOf(prototype: object): LockedMethod[] {
  const found: LockedMethod[] = [];
  for (
    let owner: object | null = prototype;
    owner !== null;
    owner = Object.getPrototypeOf(owner) as object | null
  ) {
    found.push(...((Reflect.getOwnMetadata(LOCKED_METHODS, owner) ?? []) as LockedMethod[]));
  }
  return found;
}

/**
 * The method as it was written, without its lock, for a unit test of its body: `await unlocked(tasks.hourly).call(tasks)`.
 * Throws a `TypeError` where the method was not decorated with `@DistributedLock`.
 */
export function unlocked<M extends (...args: never[]) => unknown>(method: M): M {
  const original: unknown = (method as { [ORIGINAL]?: unknown } | undefined)?.[ORIGINAL];
  if (original === undefined)
    throw new TypeError('unlocked() takes a method decorated with @DistributedLock()');
  return original as M;
}

/** Who an error or a warning is about: `Tasks.hourly`. */
export const methodName = (owner: object, property: string | symbol): string =>
  `${owner.constructor.name}.${String(property)}`;

/** Everything that a decorator below may have left on the function, or that reads like it. */
function copyMetadata(wrapper: object, original: object): void {
  for (const key of Reflect.getOwnMetadataKeys(original)) {
    Reflect.defineMetadata(key, Reflect.getOwnMetadata(key, original), wrapper);
  }
  for (const property of Reflect.ownKeys(original)) {
    if (property === 'prototype') continue;
    const own = Object.getOwnPropertyDescriptor(original, property);
    if (own !== undefined) Object.defineProperty(wrapper, property, own);
  }
}

const runners = new WeakMap<object, Map<symbol, Runner>>();

/**
 * Has Nest inject the runner as a property. It is kept beside the instance and not on it, so that a decorated object shows
 * no key that its author did not write, to a serializer or to `toEqual`.
 */
function openSlot(prototype: object, slot: symbol, locks: string): void {
  if (slot in prototype) return;
  Object.defineProperty(prototype, slot, {
    configurable: true,
    enumerable: false,
    get(this: object): Runner | undefined {
      return runners.get(this)?.get(slot);
    },
    set(this: object, runner: Runner) {
      const own = runners.get(this) ?? new Map<symbol, Runner>();
      runners.set(this, own.set(slot, runner));
    },
  });
  Inject(getRunnerToken(locks))(prototype, slot);
}

/** Gives the runner to an instance that Nest did not construct; one that has it keeps it. */
export function bind(instance: object, locks: string, runner: Runner): void {
  const slots = instance as Record<symbol, Runner | undefined>;
  slots[slotOf(locks)] ??= runner;
}

/** Fails closed: without its runner a method does not run at all, rather than without its lock. */
function runnerOf(instance: object | undefined, slot: symbol, property: string | symbol): Runner {
  if (typeof instance !== 'object' || instance === null) {
    throw new TypeError(`${String(property)} has @DistributedLock and was called without its instance`);
  }
  const runner = (instance as Record<symbol, Runner | undefined>)[slot];
  if (runner === undefined) {
    throw new Error(
      `${methodName(instance, property)} has no lock service, so it does not run: ${String(slot.description)}, and Nest has ` +
        'to construct the instance or have it as a provider when the application starts',
    );
  }
  return runner;
}
