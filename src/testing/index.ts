/**
 * `quorlock/testing`: what a test needs of locks. `testLocks()` has a `LockManager`, what others do to its
 * locks, and a record of its calls. `TestClock` is a clock that the test turns.
 */
export { systemClock, type Clock, type Timer, type TimerKind } from '../clock.js';
export type { Stamp } from '../core/validity.js';
export type { LockManagerPorts } from '../lock/manager-parts.js';
export type { CallState, TestCall } from './recorded-calls.js';
export { TestClock } from './test-clock.js';
export { testLocks, TestLocks, type HeldByOther, type TestLocksOptions } from './test-locks.js';
