import type { RunPolicyOptions } from '../index.js';
import type { KeyPath, Keys } from './keys/key-source.js';
import type { OnHeld, OnUnavailable } from './lock-settings.js';
import type { NormalizedOptions } from './normalize-options.js';

/** Any method, as a decorator finds it. */
export type Method = (this: object, ...args: unknown[]) => unknown;

/** The compiler shows the reason when a decorator does not fit its method. */
export type Misfit<Reason extends string> = { readonly [reason in Reason]: never };

/** Whether a type is `any`. Nothing else takes both 0 and 1. */
export type IsAny<T> = 0 extends 1 & T ? true : false;

/**
 * The overload of a decorator that no class fits. It lets `applyDecorators()` of Nest take a decorator of
 * async methods, which is no `MethodDecorator`, because that fits any method: TypeScript compares functions
 * with overloads as if their type parameters were `any`. Above a method the other overload counts alone.
 */
export interface MethodsOnly {
  (target: Misfit<'the decorator is for methods'>): void;
}

/** A key, or several, that depend on the arguments of the call. */
export type KeyOfCall = (this: object, ...args: unknown[]) => Keys | Promise<Keys>;

/**
 * One method with `@DistributedLock()`: the decorator's options, the method as written, and its replacement.
 */
export interface LockedMethod {
  readonly property: string | symbol;
  /** The method as its author wrote it. */
  readonly original: Method;
  /** The function that replaces it on the class. */
  readonly wrapper: Method;
  /** The name of the module instance that locks it. */
  readonly locks: string;
  readonly key: Keys | KeyOfCall | undefined;
  /** Where the fixed key continues with a value of the call. */
  readonly keyPath: KeyPath | undefined;
  readonly once: 'tick' | false | undefined;
  readonly onHeld: OnHeld | undefined;
  readonly onUnavailable: OnUnavailable | undefined;
  readonly normalizedOptions: NormalizedOptions;
  /** The policies of its ticks, where the decorator gives any. */
  readonly runs: RunPolicyOptions;
}

// A registered symbol: an ESM and a CJS copy of this package in one process see each other's methods.
const LOCKED_METHODS = Symbol.for('quorlock:locked-methods');

/** Records a locked method on its class, where `lockedMethodsOf` finds it. */
export const addLockedMethod = (prototype: object, locked: LockedMethod): void =>
  recordMethod(LOCKED_METHODS, prototype, locked);

/** The locked methods of a class and of the classes that it extends. */
export const lockedMethodsOf = (prototype: object): LockedMethod[] =>
  recordedMethods(LOCKED_METHODS, prototype);

/** Records a method on its class, in the list that the symbol of its decorator names. */
export function recordMethod(list: symbol, prototype: object, method: object): void {
  const own = (Reflect.getOwnMetadata(list, prototype) ?? []) as object[];
  Reflect.defineMetadata(list, [...own, method], prototype);
}

/** What `recordMethod` has recorded on a class and on the classes that it extends. */
export function recordedMethods<Recorded>(list: symbol, prototype: object): Recorded[] {
  const found: Recorded[] = [];
  let owner: object | null = prototype;
  while (owner !== null) {
    found.push(...((Reflect.getOwnMetadata(list, owner) ?? []) as Recorded[]));
    owner = Object.getPrototypeOf(owner) as object | null;
  }
  return found;
}

/**
 * A method's name in errors, warnings and default keys: `Tasks.hourly`. Of what decorators refuse, the owner
 * of a static method is the class itself, and a class has no property.
 */
export function methodName(owner: object, property: string | symbol | undefined): string {
  const name = typeof owner === 'function' ? owner.name : owner.constructor.name;
  return property === undefined ? `the class ${name}` : `${name}.${String(property)}`;
}

/** The part of a locked method or handler that its default key and its label depend on. */
export interface Keyed {
  readonly property: string | symbol;
  /** A string, a list of them, a function of the call, or nothing. */
  readonly key?: unknown;
}

/**
 * The keys that do not depend on the call: the given ones, or by default the method's name after that of the
 * application.
 */
export function keysOf(owner: object, { key, property }: Keyed, application: string): readonly string[] {
  if (typeof key === 'string') return [key];
  if (Array.isArray(key)) return key as string[];
  const method = methodName(owner, property);
  return [application === '' ? method : `${application}:${method}`];
}

/** Several keys in lines of the log and in labels. */
export const namedKeys = (keys: readonly string[]): string => keys.join(', ');

const LONGEST_LABEL = 128;

/**
 * The lock's name in metrics: its fixed key, or the method's name. It never depends on a call, so it has few
 * values.
 */
export const labelOf = (owner: object, keyed: Keyed): string =>
  namedKeys(keysOf(owner, keyed, '')).slice(0, LONGEST_LABEL);
