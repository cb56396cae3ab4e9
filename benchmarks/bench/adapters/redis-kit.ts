import { Redlock } from '@redis-kit/lock';
import { createClient } from 'redis';
import type { BenchLock, OpenOptions } from '../adapter.js';

/** The number of attempts. It has no setting for attempts without a limit. */
const MANY = 1_000_000;

/** @redis-kit/lock, on node-redis. */
export async function openLock({ nodes, retryMs }: OpenOptions): Promise<BenchLock> {
  const clients = nodes.map(({ host, port, tls, db = 0, ...login }) =>
    createClient({ socket: tls ? { host, port, tls: true } : { host, port }, database: db, ...login }),
  );
  for (const client of clients) client.on('error', () => undefined);
  await Promise.all(clients.map((client) => client.connect()));
  const settings =
    retryMs === undefined
      ? {}
      : { retryDelayMs: retryMs, retryJitterMs: Math.ceil(retryMs / 2), maxRetryAttempts: MANY };
  const redlock = new Redlock(clients as never[], settings);
  const acquire = async (resource: string, ttlMs: number) => {
    const lock = await redlock.acquire(resource, ttlMs);
    if (!lock) throw new Error('not acquired');
    return lock;
  };
  return {
    acquire: (resource, { ttlMs }) => acquire(resource, ttlMs),
    keep: async (resource, ttlMs) => {
      const lock = await acquire(resource, ttlMs);
      // At a third of the TTL, so that an extension has enough time.
      lock.startAutoExtension(Math.floor((ttlMs * 2) / 3));
      return { isLost: () => !lock.isValid };
    },
    close: async () => clients.forEach((client) => client.destroy()),
  };
}
