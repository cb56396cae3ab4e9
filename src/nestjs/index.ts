export {
  DistributedLock,
  type DistributedLockDecorator,
  type DistributedLockOptions,
} from './distributed-lock.decorator.js';
export type { DurationText, Milliseconds, Seconds } from './duration.js';
export type { LockSettings, OnHeld } from './lock-settings.js';
export { LockedHandler, type LockedHandlerOptions } from './locked-handler.js';
export { unlocked } from './locked-method.js';
export { QuorlockModule, type QuorlockModuleExtras } from './quorlock.module.js';
export type { QuorlockModuleOptions } from './quorlock-options.js';
export { getLockManagerToken, InjectLockManager } from './tokens.js';
