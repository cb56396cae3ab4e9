import { Redlock } from '@sesamecare-oss/redlock';
import { clientsOf, closing, keptBy, type BenchLock, type OpenOptions } from '../adapter.js';

/** @sesamecare-oss/redlock. */
export async function openLock({ nodes, retryMs }: OpenOptions): Promise<BenchLock> {
  const clients = await clientsOf(nodes);
  const settings =
    retryMs === undefined ? {} : { retryCount: -1, retryDelay: retryMs, retryJitter: Math.ceil(retryMs / 2) };
  const redlock = new Redlock(clients, settings);
  redlock.on('error', () => undefined);
  return {
    acquire: (resource, { ttlMs }) => redlock.acquire([resource], ttlMs),
    keep: (resource, ttlMs) => keptBy((routine) => redlock.using([resource], ttlMs, routine)),
    close: closing(clients),
  };
}
