/**
 * The thread that wakes the proxy. Timers of an event loop are exact to a millisecond; a thread that waits
 * for a word of shared memory is woken to within a tenth of that, and costs nothing while it waits.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { nowNs } from '../tasks.js';
import { wordsOf } from './delays.js';

const { changes, due } = wordsOf(workerData as SharedArrayBuffer);

for (;;) {
  const seen = Atomics.load(changes, 0);
  const at = due[0] ?? 0;
  const leftMs = at === 0 ? Infinity : at - nowNs() / 1e6;
  if (leftMs > 0) {
    Atomics.wait(changes, 0, seen, leftMs);
  } else {
    due[0] = 0;
    parentPort?.postMessage(undefined, []);
  }
}
