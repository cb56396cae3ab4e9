import { randomUUID } from 'node:crypto';
import { clientsOf, closing, type BenchLock, type OpenOptions } from '../adapter.js';

const RELEASE = `
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end
return 0`;

/**
 * The least that a lock over several nodes can do: SET NX PX and a compare-and-delete. Each resolves when a
 * majority has answered with success. No timeouts, no validity, no extension, no clean-up of lost rounds.
 */
export async function openLock({ nodes, settings }: OpenOptions): Promise<BenchLock> {
  const clients = await clientsOf(nodes, settings);
  const shas = await Promise.all(clients.map((client) => client.script('LOAD', RELEASE)));
  const release = String(shas[0]);
  return {
    acquire: async (resource, { ttlMs }) => {
      const id = randomUUID();
      await majorityOf(
        clients.map((client) => client.set(resource, id, 'PX', ttlMs, 'NX')),
        'OK',
      );
      return {
        release: () =>
          majorityOf(
            clients.map((client) => client.evalsha(release, 1, resource, id)),
            1,
          ),
      };
    },
    close: closing(clients),
  };
}

function majorityOf(replies: readonly Promise<unknown>[], wanted: unknown): Promise<void> {
  const needed = Math.floor(replies.length / 2) + 1;
  return new Promise((resolve, reject) => {
    let good = 0;
    let bad = 0;
    const fail = (): void => {
      bad++;
      if (bad > replies.length - needed) reject(new Error('no majority'));
    };
    for (const reply of replies) {
      reply.then((value) => {
        if (value !== wanted) fail();
        else if (++good === needed) resolve();
      }, fail);
    }
  });
}
