import { Redis } from 'ioredis';

/** What is measured of every library: acquire one resource, give it back. */
export interface Locker {
  /** Resolves when it is held, to what releases it. Rejects where the library gives up. */
  acquire(resource: string, ttlMs: number): Promise<() => Promise<unknown>>;
  close(): Promise<void>;
}

/** `best`: with the settings that are best for one resource that many wait for. */
export type Setting = 'defaults' | 'best';

export interface Subject {
  readonly name: string;
  readonly version: string;
  readonly open: (sockets: readonly string[], setting: Setting) => Promise<Locker>;
  /** Whether it acquires by a SET of the client's own: then those count as its commands beside its scripts. */
  readonly plainSet?: boolean;
  /** Whether a held lock is extended by itself with the plain API. */
  readonly extends?: boolean;
  readonly isFloor?: boolean;
  /** Whether there is anything to set that matters for waiting. */
  readonly hasBest?: boolean;
}

const connect = async (sockets: readonly string[], options = {}): Promise<Redis[]> => {
  const clients = sockets.map((path) => new Redis({ path, ...options }));
  // Nodes are stopped on purpose; without a listener ioredis prints each broken connection.
  for (const client of clients) client.on('error', () => undefined);
  await Promise.all(clients.map((client) => client.ping()));
  return clients;
};
const disconnect = async (clients: readonly Redis[]): Promise<void> =>
  clients.forEach((client) => client.disconnect());

const DELETE_IF_MINE =
  "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end";
const MAJORITY = 0.5;

/** The least that a quorum lock sends, as one would write it by hand: no retry, no timer, no validity, no undoing. */
async function openFloor(sockets: readonly string[], options: object): Promise<Locker> {
  const clients = await connect(sockets, options);
  for (const client of clients) client.defineCommand('giveBack', { numberOfKeys: 1, lua: DELETE_IF_MINE });
  const needed = Math.floor(clients.length * MAJORITY) + 1;
  const majority = (
    answers: readonly Promise<unknown>[],
    good: (answer: unknown) => boolean,
  ): Promise<void> =>
    new Promise((resolve, reject) => {
      let won = 0;
      let lost = 0;
      const no = (): void => {
        if (++lost > answers.length - needed) reject(new Error('no majority'));
      };
      for (const answer of answers)
        answer.then((value) => {
          if (!good(value)) no();
          else if (++won === needed) resolve();
        }, no);
    });
  let count = 0;
  return {
    async acquire(resource, ttlMs) {
      const id = `${process.pid}-${++count}-0123456789abcdef0123456789abcdef`.slice(0, 32);
      await majority(
        clients.map((client) => client.set(resource, id, 'PX', ttlMs, 'NX')),
        (answer) => answer === 'OK',
      );
      return () =>
        majority(
          clients.map((client) =>
            (client as unknown as { giveBack(key: string, id: string): Promise<unknown> }).giveBack(
              resource,
              id,
            ),
          ),
          (answer) => answer === 1,
        );
    },
    close: () => disconnect(clients),
  };
}

interface QuorlockOptions {
  readonly fencing?: boolean;
  readonly restartQuarantine?: 'off';
}

const openQuorlock =
  (options: QuorlockOptions = {}, listens = false): Subject['open'] =>
  async (sockets, setting) => {
    // The build, as users have it.
    const built = new URL('../../dist/esm/index.js', import.meta.url).href;
    const { LockManager } = (await import(built)) as typeof import('../../src/index.js');
    const locks = new LockManager({
      nodes: sockets,
      ...options,
      ...(setting === 'best' ? { waitMs: 60_000 } : {}),
      warn: () => undefined,
    });
    let heard = 0;
    if (listens) locks.on(() => void heard++);
    while (!locks.nodes().every(({ status }) => status === 'ready'))
      await new Promise((resolve) => setTimeout(resolve, 20));
    return {
      async acquire(resource, ttlMs) {
        const lease = await locks.acquire(resource, { ttlMs });
        return () => lease.release();
      },
      close: () => locks.close(),
    };
  };

export const QUORLOCK: Subject = {
  name: 'quorlock',
  version: 'this tree',
  open: openQuorlock(),
  extends: true,
  hasBest: true,
};

/** What each thing that quorlock does beyond the least costs it. */
export const VARIANTS: readonly Subject[] = [
  { ...QUORLOCK, name: 'quorlock without fencing', open: openQuorlock({ fencing: false }) },
  { ...QUORLOCK, name: 'quorlock without trust', open: openQuorlock({ restartQuarantine: 'off' }) },
  { ...QUORLOCK, name: 'quorlock with a listener', open: openQuorlock({}, true) },
];

export const FLOORS: readonly Subject[] = [
  { name: 'floor', version: 'ioredis', open: (s) => openFloor(s, {}), plainSet: true, isFloor: true },
  {
    name: 'floor, auto-pipelined',
    version: 'ioredis',
    open: (s) => openFloor(s, { enableAutoPipelining: true }),
    plainSet: true,
    isFloor: true,
  },
];

const PEERS: readonly Subject[] = [
  {
    name: 'redlock 5',
    version: '5.0.0-beta.2',
    hasBest: true,
    async open(sockets, setting) {
      const { default: Redlock } = await import('redlock');
      const clients = await connect(sockets);
      const best = setting === 'best' ? { retryCount: 100_000, retryDelay: 2, retryJitter: 4 } : {};
      // Its types are of ioredis 5; it calls nothing that 6 does not have.
      const redlock = new Redlock(clients as never[], best);
      return {
        async acquire(resource, ttlMs) {
          const lock = await redlock.acquire([resource], ttlMs);
          return () => lock.release();
        },
        close: () => disconnect(clients),
      };
    },
  },
  {
    name: 'redlock 4',
    version: '4.2.0',
    hasBest: true,
    async open(sockets, setting) {
      const { default: Redlock4 } = await import('redlock4');
      const clients = await connect(sockets);
      const best = setting === 'best' ? { retryCount: 100_000, retryDelay: 2, retryJitter: 4 } : {};
      const redlock = new Redlock4(clients, best);
      return {
        async acquire(resource, ttlMs) {
          const lock = await redlock.lock(resource, ttlMs);
          return () => lock.unlock();
        },
        close: () => disconnect(clients),
      };
    },
  },
  {
    name: '@sesamecare-oss/redlock',
    version: '1.4.0',
    hasBest: true,
    async open(sockets, setting) {
      const { Redlock } = await import('@sesamecare-oss/redlock');
      const clients = await connect(sockets);
      const best = setting === 'best' ? { retryCount: 100_000, retryDelay: 2, retryJitter: 4 } : {};
      const redlock = new Redlock(clients, best);
      return {
        async acquire(resource, ttlMs) {
          const lock = await redlock.acquire([resource], ttlMs);
          return () => lock.release();
        },
        close: () => disconnect(clients),
      };
    },
  },
  {
    name: 'redis-semaphore',
    version: '5.8.0',
    plainSet: true,
    extends: true,
    hasBest: true,
    async open(sockets, setting) {
      const { RedlockMutex } = await import('redis-semaphore');
      const clients = await connect(sockets);
      const best = setting === 'best' ? { retryInterval: 2, acquireTimeout: 60_000 } : {};
      return {
        async acquire(resource, ttlMs) {
          const mutex = new RedlockMutex(clients, resource, { lockTimeout: ttlMs, ...best });
          await mutex.acquire();
          return () => mutex.release();
        },
        close: () => disconnect(clients),
      };
    },
  },
  {
    name: 'redlock-universal',
    version: '0.8.5',
    plainSet: true,
    hasBest: true,
    async open(sockets, setting) {
      const { createRedlock, IoredisAdapter } = await import('redlock-universal');
      const clients = await connect(sockets);
      const adapters = clients.map((client) => new IoredisAdapter(client));
      const best = setting === 'best' ? { retryAttempts: 1_000, retryDelay: 2 } : {};
      return {
        async acquire(resource, ttlMs) {
          const lock = createRedlock({ adapters, key: resource, ttl: ttlMs, ...best });
          const handle = await lock.acquire();
          return () => lock.release(handle);
        },
        close: () => disconnect(clients),
      };
    },
  },
  {
    name: '@redis-kit/lock',
    version: '0.1.0-3',
    plainSet: true,
    hasBest: true,
    async open(sockets, setting) {
      const { Redlock } = await import('@redis-kit/lock');
      const { createClient } = await import('redis');
      const clients = sockets.map((path) => createClient({ socket: { path, tls: false } }));
      for (const client of clients) client.on('error', () => undefined);
      await Promise.all(clients.map((client) => client.connect()));
      const best = setting === 'best' ? { maxRetryAttempts: 100_000, retryDelayMs: 2, retryJitterMs: 4 } : {};
      const redlock = new Redlock(clients as never[], best);
      return {
        async acquire(resource, ttlMs) {
          const lock = await redlock.acquire(resource, ttlMs);
          if (lock === null) throw new Error('it gave up');
          return () => lock.release();
        },
        close: async () => clients.forEach((client) => client.destroy()),
      };
    },
  },
];

export const SUBJECTS: readonly Subject[] = [QUORLOCK, ...PEERS, ...FLOORS];

export function subjectOf(name: string): Subject {
  const subject = [...SUBJECTS, ...VARIANTS].find((one) => one.name === name);
  if (subject === undefined) throw new RangeError(`there is no subject called ${name}`);
  return subject;
}
