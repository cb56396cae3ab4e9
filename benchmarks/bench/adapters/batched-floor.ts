import { randomUUID } from 'node:crypto';
import { clientsOf, closing, type BenchLock, type OpenOptions } from '../adapter.js';

/** Takes for each key the verb, the holder's id and the TTL; returns 1 for each success. */
const BATCH = `
local call, replies = redis.call, {}
for at, key in ipairs(KEYS) do
  local id = ARGV[3 * at - 1]
  if ARGV[3 * at - 2] == 'a' then
    replies[at] = call('SET', key, id, 'NX', 'PX', ARGV[3 * at]) and 1 or 0
  else
    replies[at] = call('GET', key) == id and call('DEL', key) or 0
  end
end
return replies`;

/** A request to all nodes, and how many have answered it with and without success. */
interface Asked {
  readonly words: readonly [key: string, verb: 'a' | 'r', id: string, ttlMs: number];
  good: number;
  bad: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * Sends all requests of a turn of the event loop as one script call per node, and does nothing else: no
 * fencing, no deadline, no trust, no timeouts, no validity, no extension, no clean-up of lost rounds. On one
 * machine with the servers, no lock that does more can be faster.
 */
export async function openLock({ nodes }: OpenOptions): Promise<BenchLock> {
  const clients = await clientsOf(nodes);
  const [sha = ''] = (await Promise.all(clients.map((client) => client.script('LOAD', BATCH)))) as string[];
  const needed = Math.floor(clients.length / 2) + 1;
  let gathered: Asked[] = [];

  function count(asked: Asked, isGood: boolean): void {
    if (isGood && ++asked.good === needed) asked.resolve();
    if (!isGood && ++asked.bad > clients.length - needed) asked.reject(new Error('no majority'));
  }

  function flush(): void {
    const batch = gathered;
    gathered = [];
    const keys = batch.map(({ words }) => words[0]);
    const args = batch.flatMap(({ words: [, ...rest] }) => rest);
    for (const client of clients) {
      client.evalsha(sha, keys.length, ...keys, ...args).then(
        (replies) => batch.forEach((asked, at) => count(asked, (replies as unknown[])[at] === 1)),
        () => batch.forEach((asked) => count(asked, false)),
      );
    }
  }

  const ask = (...words: Asked['words']): Promise<void> =>
    new Promise((resolve, reject) => {
      if (gathered.length === 0) setImmediate(flush);
      gathered.push({ words, good: 0, bad: 0, resolve, reject });
    });

  return {
    acquire: async (resource, { ttlMs }) => {
      const id = randomUUID();
      await ask(resource, 'a', id, ttlMs);
      return { release: () => ask(resource, 'r', id, 0) };
    },
    close: closing(clients),
  };
}
