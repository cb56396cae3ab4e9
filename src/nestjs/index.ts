/** `quorlock/nestjs`: a module, decorators for methods and handlers, and injection of the `LockManager`. */
export {
  DistributedLock,
  type DistributedLockDecorator,
  type DistributedLockOptions,
} from './distributed-lock.decorator.js';
export type { DurationText, Milliseconds, Seconds } from './duration.js';
export { LockHealthIndicator, type LockHealthResult } from './health/lock-health-indicator.js';
export { LeaderElection } from './leader/leader-election.js';
export {
  RunOnLeader,
  type RunOnLeaderDecorator,
  type RunOnLeaderOptions,
} from './leader/run-on-leader.decorator.js';
export type { LockSettings, OnHeld, OnUnavailable } from './lock-settings.js';
export { LockedHandler, type LockedHandlerOptions } from './locked-handler.decorator.js';
export { unlocked } from './lock-method.js';
export type { LockLogLevel } from './log/module-logger.js';
export { QuorlockModule, type QuorlockModuleExtras } from './quorlock.module.js';
export type { QuorlockModuleOptions, RedlockLike } from './quorlock-options.js';
export { LockExceptionFilter } from './refusal/lock-exception.filter.js';
export { LockedException, LockGraphQLError, LockUnavailableException } from './refusal/lock-exceptions.js';
export type { RunSettings } from './runs/run-settings.js';
export type { Refusal } from './refusal/refusal-facts.js';
export { RequestEndedError } from './request/request-scope.js';
export {
  getLeaderElectionToken,
  getLockHealthToken,
  getLockManagerToken,
  InjectLockManager,
} from './tokens.js';
