import { Inject } from '@nestjs/common';

/** The name of the instance that `forRoot()` makes when it is given none. */
export const DEFAULT_LOCKS = 'default';

/** The injection token of a `LockManager` by the `name` its `forRoot()` was given; without one, the default instance's. */
export function getLockToken(name: string = DEFAULT_LOCKS): string {
  return `quorlock:LockManager:${name}`;
}

/**
 * Injects a `LockManager`: `constructor(@InjectLocks() private readonly locks: LockManager) {}`. For the default instance
 * the class itself serves as a token too.
 */
export function InjectLocks(name: string = DEFAULT_LOCKS): PropertyDecorator & ParameterDecorator {
  return Inject(getLockToken(name));
}

/** What decorated methods are given. A token of its own, so that they get more than the bare manager. */
export function getRunnerToken(name: string): string {
  return `quorlock:LockRunner:${name}`;
}

/**
 * The property of a decorated class that Nest injects into. Nest shows it when it cannot, which is what happens to a user
 * who forgot the module: so the symbol's description says what to do.
 */
export function slotOf(name: string): symbol {
  const options = name === DEFAULT_LOCKS ? '' : `{ name: '${name}' }`;
  return Symbol.for(`@DistributedLock needs QuorlockModule.forRoot(${options}) among the imports`);
}
