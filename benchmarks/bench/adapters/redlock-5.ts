import Redlock from 'redlock';
import { clientsOf, closing, keptBy, type BenchLock, type OpenOptions } from '../adapter.js';

/** redlock 5.0.0-beta.2. */
export async function openLock({ nodes, retryMs }: OpenOptions): Promise<BenchLock> {
  const clients = await clientsOf(nodes);
  const settings =
    retryMs === undefined ? {} : { retryCount: -1, retryDelay: retryMs, retryJitter: Math.ceil(retryMs / 2) };
  // Its types are those of ioredis 5, but it calls nothing that ioredis 6 does not have.
  const redlock = new Redlock(clients as never[], settings);
  redlock.on('error', () => undefined);
  return {
    acquire: (resource, { ttlMs }) => redlock.acquire([resource], ttlMs),
    keep: (resource, ttlMs) => keptBy((routine) => redlock.using([resource], ttlMs, routine)),
    close: closing(clients),
  };
}
