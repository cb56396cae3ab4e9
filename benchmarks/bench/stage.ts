/** The nodes of a benchmark and its workers. */
import type { Redis } from 'ioredis';
import type { Address } from './adapter.js';
import { openChild, type BenchChild } from './child.js';
import { BENCH_NAME } from './names.js';
import { using, type BenchNodes, type OwnServer } from './nodes.js';
import type { Subject } from './subjects.js';

/** The number of calls by command, over all nodes. */
export type Calls = ReadonlyMap<string, number>;

/**
 * Commands that scripts call. Redis' commandstats counts them together with those that clients send. A
 * subject lists the ones that it sends itself in its `plainCommands`.
 */
const DATA_COMMANDS = new Set(
  [
    'get set del unlink exists mget mset pexpire pexpireat pttl expire ttl incr incrby psetex setnx',
    'getdel getex strlen append time publish hget hset hdel hgetall hmget hincrby hlen hexists hsetnx',
    'zadd zrem zrange zrangebyscore zremrangebyscore zcard zscore zpopmin zcount lpush rpush lpop rpop',
    'llen lrange lrem lindex lmove sadd srem scard smembers sismember spop type rename copy echo spublish',
  ]
    .join(' ')
    .split(' '),
);
/** Commands for opening a connection and inspecting a node. They are not counted. */
const OWN_COMMANDS = new Set(
  ['info hello auth client select ping flushall config command script function dbsize keys memory', 'cluster']
    .join(' ')
    .split(' '),
);

/** Enough cycles for the compiler to optimize even the largest library. */
const WARM_CYCLES = 5_000;

/** The urls of the modules to measure. */
export interface Builds {
  readonly quorlock: string;
  /** quorlock of another checkout. */
  readonly other?: string;
}

export class Stage {
  readonly #nodes: BenchNodes;
  readonly #builds: Builds;
  readonly #children = new Set<BenchChild>();

  constructor(nodes: BenchNodes, builds: Builds) {
    this.#nodes = nodes;
    this.#builds = builds;
  }

  get addresses(): readonly Address[] {
    return this.#nodes.addresses;
  }

  /** The number of nodes. */
  get size(): number {
    return this.#nodes.addresses.length;
  }

  /** Whether the servers are the benchmark's own, and not the user's. */
  get isOwn(): boolean {
    return this.#nodes.servers !== undefined;
  }

  /** The servers that may be stopped. Throws where they are not the benchmark's own. */
  get servers(): readonly OwnServer[] {
    const { servers } = this.#nodes;
    if (servers === undefined) throw new Error('the servers are not ours to stop');
    return servers;
  }

  /**
   * Starts a worker on the first `nodes` servers, or on those at these addresses. It does `warmCycles` before
   * it is measured.
   */
  async child(
    subject: Subject,
    nodes: number | readonly Address[],
    warmCycles = WARM_CYCLES,
  ): Promise<BenchChild> {
    const addresses = typeof nodes === 'number' ? this.addresses.slice(0, nodes) : nodes;
    const quorlock = this.#builds[subject.build ?? 'quorlock'];
    if (quorlock === undefined) throw new Error('the other checkout is not named');
    const child = await openChild(subject, addresses, {
      quorlock,
      isShared: this.#nodes.servers === undefined,
      warmCycles,
    });
    this.#children.add(child);
    return child;
  }

  /** Ends all workers, restores all nodes, and empties them. */
  async reset(): Promise<void> {
    await Promise.all([...this.#children].map((child) => child.kill()));
    this.#children.clear();
    await this.#nodes.restore();
  }

  /** What makes a connection to each node. */
  get clients(): readonly (() => Redis)[] {
    return this.addresses.map((_, nodeIndex) => () => this.#nodes.client(nodeIndex));
  }

  calls(): Promise<Calls> {
    return callsOf(this.clients);
  }

  /** The number of keys, and the memory in use, on the first node. */
  async memory(): Promise<{ readonly keys: number; readonly bytes: number }> {
    return this.#first(async (client) => {
      const info = await client.info('memory');
      return { keys: await client.dbsize(), bytes: Number(/^used_memory:(\d+)/m.exec(info)?.[1]) };
    });
  }

  /** How many lists of waiting processes the first node has, and their bytes. */
  async waitLists(): Promise<{ readonly lists: number; readonly listBytes: number }> {
    return this.#first(async (client) => {
      const names = await client.keys(`*${BENCH_NAME}*:wait`);
      const sizes = await Promise.all(names.map((name) => client.memory('USAGE', name)));
      return { lists: names.length, listBytes: sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0) };
    });
  }

  /** Makes every key of the first node expire now, and waits until all are gone. */
  async expireAll(): Promise<void> {
    await this.#first(async (client) => {
      await client.eval(
        `for _, key in ipairs(redis.call('keys', '*')) do redis.call('pexpire', key, 1) end`,
        0,
      );
      // Reading a key removes it if the server's own search has not found yet that it has expired.
      for (let round = 0; round < 100 && (await client.dbsize()) > 0; round++) {
        await client.eval(
          `for _, key in ipairs(redis.call('keys', '*')) do redis.call('exists', key) end`,
          0,
        );
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#children].map((child) => child.kill()));
    await this.#nodes.close();
  }

  #first<T>(ask: (client: Redis) => Promise<T>): Promise<T> {
    return using(this.#nodes.client(0), ask);
  }
}

/** The calls of all these servers together. */
export async function callsOf(clients: readonly (() => Redis)[]): Promise<Calls> {
  const infos = await Promise.all(
    clients.map((open) => using(open(), (client) => client.info('commandstats'))),
  );
  const total = new Map<string, number>();
  for (const info of infos) {
    for (const [, name = '', calls] of info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)) {
      total.set(name, (total.get(name) ?? 0) + Number(calls));
    }
  }
  return total;
}

/** The number of commands that clients sent between two counts. */
export function clientCommands(before: Calls, after: Calls, plain: readonly string[] = []): number {
  let sum = 0;
  for (const [name, calls] of after) {
    const [command = ''] = name.split('|');
    const isTheirs = plain.includes(name) || !(DATA_COMMANDS.has(command) || OWN_COMMANDS.has(command));
    if (isTheirs) sum += calls - (before.get(name) ?? 0);
  }
  return sum;
}
