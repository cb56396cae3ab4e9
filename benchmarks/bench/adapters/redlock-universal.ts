import { createRedlock, IoredisAdapter } from 'redlock-universal';
import { clientsOf, closing, keptBy, type BenchLock, type OpenOptions } from '../adapter.js';

/** redlock-universal. */
export async function openLock({ nodes, retryMs }: OpenOptions): Promise<BenchLock> {
  const clients = await clientsOf(nodes);
  const adapters = clients.map((client) => new IoredisAdapter(client));
  const settings =
    retryMs === undefined ? {} : { retryAttempts: Number.MAX_SAFE_INTEGER, retryDelay: retryMs };
  return {
    acquire: async (key, { ttlMs }) => {
      const lock = createRedlock({ adapters, key, ttl: ttlMs, ...settings });
      const handle = await lock.acquire();
      return { release: () => lock.release(handle) };
    },
    keep: (key, ttlMs) => {
      const lock = createRedlock({ adapters, key, ttl: ttlMs });
      return keptBy((routine) => lock.using(routine));
    },
    close: closing(clients),
  };
}
