import { MessageChannel } from 'node:worker_threads';

/**
 * Resolves when the event loop has turned: all that was ready has run, and only timers are left. It goes by a
 * message, because fake timers replace `setImmediate`, `setTimeout`, `queueMicrotask` and `process.nextTick`,
 * perhaps before this file is loaded. None replaces messages.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.once('message', () => {
      port1.close();
      resolve();
    });
    port2.postMessage(undefined);
  });
}
