import { createRequire } from 'node:module';
import { clientsOf, closing, type BenchLock, type OpenOptions } from '../adapter.js';

/** The used part of redlock 4, which has no types. */
interface Redlock4 {
  lock(resource: string, ttlMs: number): Promise<{ unlock(): Promise<void> }>;
}
type Settings = Readonly<Record<'retryCount' | 'retryDelay' | 'retryJitter', number>>;

const require = createRequire(import.meta.url);
const Redlock = require('redlock4') as new (clients: unknown[], settings?: Settings) => Redlock4;

/** redlock 4.2.0. It does not extend by itself. */
export async function openLock({ nodes, retryMs }: OpenOptions): Promise<BenchLock> {
  const clients = await clientsOf(nodes);
  const redlock = new Redlock(
    clients,
    retryMs === undefined
      ? undefined
      : { retryCount: -1, retryDelay: retryMs, retryJitter: Math.ceil(retryMs / 2) },
  );
  return {
    acquire: async (resource, { ttlMs }) => {
      const lock = await redlock.lock(resource, ttlMs);
      return { release: () => lock.unlock() };
    },
    close: closing(clients),
  };
}
