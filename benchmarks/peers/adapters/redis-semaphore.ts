import { RedlockMutex } from 'redis-semaphore';
import type { AdapterOptions, LockAdapter } from '../../../test/faults/harness/adapter.js';
import { clientsOf, onlyOnce, ready } from './common.js';

/** How often the holder reads `isAcquired`, as the library's README tells it to, in milliseconds. */
const LOOK_MS = 5;

/** redis-semaphore's RedlockMutex. */
export async function openAdapter(options: AdapterOptions): Promise<LockAdapter> {
  const clients = clientsOf(options);
  await ready(clients);
  return {
    async acquire(resource, terms) {
      const { ttlMs } = terms;
      const loss = new AbortController();
      const mutex = new RedlockMutex(clients, resource, {
        lockTimeout: ttlMs,
        ...(onlyOnce(options, terms) ? { acquireAttemptsLimit: 1 } : {}),
        ...(options.setting === 'defaults'
          ? {}
          : { refreshInterval: Math.floor(ttlMs / 3), onLockLost: (error: Error) => loss.abort(error) }),
      });
      await mutex.acquire();
      const looking = setInterval(() => {
        if (!mutex.isAcquired) loss.abort(new Error('isAcquired is false'));
      }, LOOK_MS);
      return {
        signal: loss.signal,
        release: async () => {
          clearInterval(looking);
          await mutex.release();
        },
      };
    },
    close: async () => clients.forEach((client) => client.disconnect()),
  };
}
