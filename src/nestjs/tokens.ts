import { Inject } from '@nestjs/common';

/** The name of the module instance that was given no name. */
export const DEFAULT_LOCKS = 'default';

/**
 * The injection token of a module's `LockManager`. `name` is the name that `forRoot()` was given; the default
 * is the module without a name.
 */
export function getLockManagerToken(name: string = DEFAULT_LOCKS): string {
  return `quorlock:LockManager:${name}`;
}

/**
 * The injection token of a module's `LeaderElection`. `name` is the name that `forRoot()` was given; the
 * default is the module without a name, whose `LeaderElection` can also be injected by its class.
 */
export function getLeaderElectionToken(name: string = DEFAULT_LOCKS): string {
  return `quorlock:LeaderElection:${name}`;
}

/**
 * The injection token of a module's `LockHealthIndicator`. `name` is the name that `forRoot()` was given; the
 * default is the module without a name, whose indicator can also be injected by its class.
 */
export function getLockHealthToken(name: string = DEFAULT_LOCKS): string {
  return `quorlock:LockHealthIndicator:${name}`;
}

/**
 * Injects a `LockManager`: `constructor(@InjectLockManager() private readonly locks: LockManager) {}`. `name`
 * is the name that `forRoot()` was given; the default is the module without a name, whose manager can also be
 * injected by its class.
 */
export function InjectLockManager(name: string = DEFAULT_LOCKS): PropertyDecorator & ParameterDecorator {
  return Inject(getLockManagerToken(name));
}

const forRootCall = (name: string): string =>
  `QuorlockModule.forRoot(${name === DEFAULT_LOCKS ? '' : `{ name: '${name}' }`})`;

/**
 * The injection token of a module's `LockRunner`, which decorated methods and handlers need. When the module
 * is missing, Nest shows this token or the description of the property below, so both say what to import.
 */
export function getRunnerToken(name: string): string {
  return `quorlock:LockRunner:${name}, from ${forRootCall(name)}`;
}

/** The property of a decorated class that Nest injects the `LockRunner` into. */
export function runnerPropertyOf(name: string): symbol {
  return Symbol.for(`@DistributedLock needs ${forRootCall(name)} among the imports`);
}
