import { Inject } from '@nestjs/common';

/** The name of the instance that `forRoot()` makes when it is given none. */
export const DEFAULT_LOCKS = 'default';

/** The injection token of a `LockManager` by the `name` its `forRoot()` was given; without one, the default instance's. */
export function getLockManagerToken(name: string = DEFAULT_LOCKS): string {
  return `quorlock:LockManager:${name}`;
}

/**
 * Injects a `LockManager`: `constructor(@InjectLockManager() private readonly locks: LockManager) {}`. For the default instance
 * the class itself serves as a token too.
 */
export function InjectLockManager(name: string = DEFAULT_LOCKS): PropertyDecorator & ParameterDecorator {
  return Inject(getLockManagerToken(name));
}

const moduleOf = (name: string): string =>
  `QuorlockModule.forRoot(${name === DEFAULT_LOCKS ? '' : `{ name: '${name}' }`})`;

/**
 * The token of what decorated methods and handlers are given; their own, because they need more than the bare manager.
 * Where it is missing Nest shows it, or the name of the property that it should have gone into: so both say what to do.
 */
export function getRunnerToken(name: string): string {
  return `quorlock:LockRunner:${name}, from ${moduleOf(name)}`;
}

/** The property of a decorated class that Nest injects into. */
export function slotOf(name: string): symbol {
  return Symbol.for(`@DistributedLock needs ${moduleOf(name)} among the imports`);
}
