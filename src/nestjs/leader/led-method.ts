import type { Method } from '../locked-method.js';

/** One method with `@RunOnLeader()`. */
export interface LedMethod {
  readonly property: string | symbol;
  /** The function behind the decorator. */
  readonly original: Method;
  /** The function that replaces it on the class. */
  readonly wrapper: Method;
  /** What the leader is elected for. */
  readonly election: string;
  /** The TTL of the leader's lease; `undefined`: the module's. */
  readonly ttlMs: number | undefined;
  /** The name of the module instance on whose nodes it is elected. */
  readonly locks: string;
}

// A registered symbol: an ESM and a CJS copy of this package in one process see each other's methods.
const LED_METHODS = Symbol.for('quorlock:led-methods');

/** Records a method on its class, where `ledMethodsOf` finds it. */
export function addLedMethod(prototype: object, led: LedMethod): void {
  const own = (Reflect.getOwnMetadata(LED_METHODS, prototype) ?? []) as LedMethod[];
  Reflect.defineMetadata(LED_METHODS, [...own, led], prototype);
}

/** The methods with `@RunOnLeader()` of a class and of the classes that it extends. */
export function ledMethodsOf(prototype: object): LedMethod[] {
  const found: LedMethod[] = [];
  let owner: object | null = prototype;
  while (owner !== null) {
    found.push(...((Reflect.getOwnMetadata(LED_METHODS, owner) ?? []) as LedMethod[]));
    owner = Object.getPrototypeOf(owner) as object | null;
  }
  return found;
}
