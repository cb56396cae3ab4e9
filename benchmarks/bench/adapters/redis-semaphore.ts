import { RedlockMutex } from 'redis-semaphore';
import { clientsOf, closing, type BenchLock, type OpenOptions } from '../adapter.js';

/** redis-semaphore's RedlockMutex. By default it extends at 0.8 of the TTL. */
export async function openLock({ nodes, retryMs }: OpenOptions): Promise<BenchLock> {
  const clients = await clientsOf(nodes);
  const settings = retryMs === undefined ? {} : { retryInterval: retryMs, acquireTimeout: 3_600_000 };
  return {
    acquire: async (resource, { ttlMs }) => {
      const mutex = new RedlockMutex(clients, resource, { lockTimeout: ttlMs, ...settings });
      await mutex.acquire();
      return mutex;
    },
    keep: async (resource, ttlMs) => {
      let isLost = false;
      const mutex = new RedlockMutex(clients, resource, {
        lockTimeout: ttlMs,
        onLockLost: () => (isLost = true),
      });
      await mutex.acquire();
      return { isLost: () => isLost };
    },
    close: closing(clients),
  };
}
