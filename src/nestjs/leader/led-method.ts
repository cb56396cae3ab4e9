import { recordedMethods, recordMethod, type Method } from '../locked-method.js';

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
export const addLedMethod = (prototype: object, led: LedMethod): void =>
  recordMethod(LED_METHODS, prototype, led);

/** The methods with `@RunOnLeader()` of a class and of the classes that it extends. */
export const ledMethodsOf = (prototype: object): LedMethod[] => recordedMethods(LED_METHODS, prototype);
