/**
 * What all copies of the package in one process share: the decorators may be those of one copy, and the
 * module that of another. A name ends with the number of the value's form (`request-scopes:1`): copies of two
 * versions may meet.
 */
export function sharedByCopies<T>(name: string, make: () => T): T {
  const shared = globalThis as unknown as Record<symbol, T | undefined>;
  return (shared[Symbol.for(`quorlock:${name}`)] ??= make());
}
