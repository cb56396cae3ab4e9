/**
 * `quorlock/testing`: the ports through which a `LockManager` takes time and chance, for tests that want to
 * own them.
 */
export { systemClock, type Clock, type Timer } from '../clock.js';
export type { Stamp } from '../core/validity.js';
export type { LockManagerPorts } from '../lock/lock-manager.js';
