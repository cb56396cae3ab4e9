import { setAttendedTimer, type Clock } from '../../clock.js';

/** Waits for a promise that never rejects, for `timeoutMs` at the longest: a node may hang. */
export function within(clock: Clock, timeoutMs: number, promise: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setAttendedTimer(clock, resolve, timeoutMs, 'background');
    void promise.then(() => {
      timer.cancel();
      resolve();
    });
  });
}
