import pg from 'pg';
import type { BenchLock, OpenOptions } from '../adapter.js';

/** As many connections as a pool has by default. */
const CONNECTIONS = 10;

const ACQUIRE = 'select pg_try_advisory_lock(hashtextextended($1, 0)) as got';
const RELEASE = 'select pg_advisory_unlock(hashtextextended($1, 0))';

/**
 * Advisory locks, by hand. They are not written anywhere: a lock belongs to its connection, and ends with it.
 * No expiry, no fencing. Each connection has many at once, and a lease is released on its own.
 */
export async function openLock({ settings }: OpenOptions): Promise<BenchLock> {
  const clients = Array.from(
    { length: CONNECTIONS },
    () => new pg.Client({ connectionString: String(settings['url']) }),
  );
  await Promise.all(clients.map((client) => client.connect()));
  let turn = 0;
  return {
    acquire: async (resource) => {
      const client = clients[turn++ % CONNECTIONS]!;
      const { rows } = await client.query<{ got: boolean }>({
        name: 'acquire',
        text: ACQUIRE,
        values: [resource],
      });
      if (rows[0]?.got !== true) throw new Error('held');
      return { release: () => client.query({ name: 'release', text: RELEASE, values: [resource] }) };
    },
    close: async () => {
      await Promise.all(clients.map((client) => client.end()));
    },
  };
}
