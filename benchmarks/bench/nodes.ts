/** Where the nodes of a benchmark come from: servers of its own, or those that `--nodes` names. */
import { Redis } from 'ioredis';
import { startRedis } from '../../test/support/redis-servers.js';
import type { Address } from './adapter.js';
import { BENCH_NAME } from './names.js';

/** A server that the benchmark may stop, kill and start again. */
export interface OwnServer {
  pause(): void;
  resume(): void;
  kill(): Promise<unknown>;
}

export interface BenchNodes {
  readonly addresses: readonly Address[];
  /** The servers, where they are the benchmark's own; else `undefined`. */
  readonly servers: readonly OwnServer[] | undefined;
  client(nodeIndex: number): Redis;
  /** Brings back what was stopped, and removes every key of the benchmark. */
  restore(): Promise<void>;
  close(): Promise<void>;
}

/** Starts servers on loopback, which end with this process. */
export async function ownNodes(count: number): Promise<BenchNodes> {
  const redis = await startRedis({ count, tcp: true });
  const { servers } = redis;
  const client = (nodeIndex: number): Redis => servers[nodeIndex]!.client();
  return {
    addresses: servers.map(({ port }) => ({ host: '127.0.0.1', port })),
    servers,
    client,
    restore: async () => {
      for (const server of servers) {
        server.resume();
        if (!server.running) await server.start();
      }
      await Promise.all(servers.map((_, nodeIndex) => using(client(nodeIndex), (one) => one.flushall())));
    },
    close: () => redis.stop(),
  };
}

/** The user's own servers. They are never stopped or flushed. */
export function givenNodes(addresses: readonly Address[]): BenchNodes {
  const client = (nodeIndex: number): Redis => clientOf(addresses[nodeIndex]!);
  return {
    addresses,
    servers: undefined,
    client,
    restore: async () => {
      await Promise.all(addresses.map((_, nodeIndex) => using(client(nodeIndex), removeOwnKeys)));
    },
    close: () => Promise.resolve(),
  };
}

/** Reads `--nodes`. Throws a RangeError that names the place, and never the password. */
export function readNodes(text: string): Address[] {
  return text.split(',').map((part, index) => {
    const at = `--nodes, entry ${index + 1}`;
    const url = URL.canParse(part.trim()) ? new URL(part.trim()) : undefined;
    if (url === undefined || !['redis:', 'rediss:'].includes(url.protocol) || url.hostname === '')
      throw new RangeError(
        `${at} must be a url such as redis://10.0.0.1:6379 or rediss://user:password@host`,
      );
    const db = Number(url.pathname.slice(1) || 0);
    if (!Number.isInteger(db))
      throw new RangeError(`${at}: the database must be a number, as in redis://host/3`);
    return {
      host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: Number(url.port || 6379),
      ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
      ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
      ...(db === 0 ? {} : { db }),
      ...(url.protocol === 'rediss:' ? { tls: {} } : {}),
    };
  });
}

function clientOf(address: Address): Redis {
  const client = new Redis({
    ...address,
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    replyMapping: 'legacy',
  });
  client.on('error', () => undefined);
  return client;
}

/** Asks once, and ends the connection. */
export async function using<T>(client: Redis, ask: (client: Redis) => Promise<T>): Promise<T> {
  try {
    return await ask(client);
  } finally {
    client.disconnect();
  }
}

async function removeOwnKeys(client: Redis): Promise<void> {
  let cursor = '0';
  do {
    const [next, keys] = await client.scan(cursor, 'MATCH', `*${BENCH_NAME}*`, 'COUNT', 1_000);
    if (keys.length > 0) await client.unlink(...keys);
    cursor = next;
  } while (cursor !== '0');
}
