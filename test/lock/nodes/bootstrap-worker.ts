import { setTimeout as sleep } from 'node:timers/promises';
import { LockManager } from '../../../src/index.js';

/** When told to, acquires a lock of its own over the sockets in its arguments, and tells what came of it. */
const paths = process.argv.slice(2);

process.on('message', () => {
  const locks = new LockManager({
    nodes: paths.map((path) => ({ path })),
    nodeTimeoutMs: 2_000,
    maxTtlMs: 60_000,
    ttlMs: 60_000,
    warn: () => undefined,
  });
  // On a slow machine ten processes may take longer to connect, and to look twice, than an acquisition waits.
  const isStarting = /connecting|it is new/;
  const acquire = (): Promise<string> =>
    locks.acquire(`own:${process.pid}`).then(
      () => 'granted',
      ({ message }: Error) => (isStarting.test(message) ? sleep(100).then(acquire) : message),
    );
  void acquire().then(async (outcome) => {
    process.send?.({ outcome, nodes: locks.nodes().map(({ status }) => status) });
    await locks.close();
    process.disconnect?.();
  });
});
process.send?.('ready');
