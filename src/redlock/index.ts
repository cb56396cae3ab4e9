export { Redlock as default, Lock, Redlock } from './redlock.js';
export type { RedlockAbortSignal } from './extended-lock.js';
export { ExecutionError, ResourceLockedError } from './errors.js';
export type { ClientExecutionResult, ExecutionResult, ExecutionStats } from './execution.js';
export type { Settings } from './settings.js';
