/**
 * What all copies of the package in one process share: the same value for the same name, made by the first
 * copy that asks. A name ends with the number of the value's form (`current-lease:1`). Whoever changes the
 * form raises the number, because copies of two versions may meet.
 */
export function oncePerProcess<T>(name: string, make: () => T): T {
  const key = Symbol.for(`quorlock:${name}`);
  const shared = globalThis as unknown as Record<symbol, T | undefined>;
  if (shared[key] === undefined) Object.defineProperty(globalThis, key, { value: make() });
  return shared[key]!;
}
