import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { BenchLock, OpenOptions } from '../adapter.js';

const TABLE = `
create table if not exists bench_lock (
  name text primary key, holder uuid not null, expires timestamptz not null
)`;

/** Takes the row if it is new, or if what it says has expired. */
const ACQUIRE = `
insert into bench_lock as l values ($1, $2, now() + $3 * interval '1 ms')
on conflict (name) do update set holder = excluded.holder, expires = excluded.expires
  where l.expires < now()`;

const RELEASE = 'delete from bench_lock where name = $1 and holder = $2';

/**
 * The least that a lock with an expiry is in PostgreSQL: a row, by INSERT and DELETE, over a pool of ten
 * connections. No fencing, no validity, no extension, nobody waits.
 */
export async function openLock({ settings }: OpenOptions): Promise<BenchLock> {
  const pool = new pg.Pool({ connectionString: String(settings['url']) });
  await pool.query(TABLE);
  return {
    acquire: async (resource, { ttlMs }) => {
      const id = randomUUID();
      const { rowCount } = await pool.query({
        name: 'acquire',
        text: ACQUIRE,
        values: [resource, id, ttlMs],
      });
      if (rowCount !== 1) throw new Error('held');
      return { release: () => pool.query({ name: 'release', text: RELEASE, values: [resource, id] }) };
    },
    close: () => pool.end(),
  };
}
