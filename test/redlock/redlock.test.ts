import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import {
  ExecutionError,
  Lock,
  Redlock,
  ResourceLockedError,
  type Settings,
} from '../../src/redlock/index.js';
import { valuesOf } from '../support/lock-managers.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { until } from '../support/until.js';

/** The TTL of redlock's own tests: nearly as long as a number can tell. */
const ENDLESS = Math.floor(Number.MAX_SAFE_INTEGER / 10);
const NO_QUORUM = 'The operation was unable to achieve a quorum during its retry window.';
const ONE_LOCKED = 'The operation was applied to: 0 of the 1 requested resources.';
const ONCE = { retryCount: 0 } as const;
const QUICK = { retryCount: 2, retryDelay: 5, retryJitter: 5 } as const;

let redis: RedisServers;
let clients: Redis[];

const start = async (count: number): Promise<void> => {
  redis = await startRedis({ count });
  clients = redis.servers.map((server) => new Redis({ ...server.options, retryStrategy: () => 50 }));
  for (const client of clients) client.on('error', () => undefined);
};

beforeEach(() => start(3));
afterEach(async () => {
  for (const client of clients) if (client.status !== 'end') client.disconnect();
  await redis.stop();
});

const make = (settings?: Partial<Settings>): Redlock => new Redlock(clients, settings);

/** What the call was rejected with. */
async function failureOf(call: Promise<unknown>): Promise<ExecutionError> {
  const error = await call.then(
    () => new Error('it was carried out'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ExecutionError);
  return error as ExecutionError;
}

const values = (resource: string): Promise<(string | null)[]> => valuesOf(redis.servers, resource);

const untilValues = (resource: string, expected: (string | null)[]): Promise<boolean> =>
  until(async () => JSON.stringify(await values(resource)) === JSON.stringify(expected));

describe('acquire, extend and release', () => {
  it('set the keys of the resources themselves, prolong them and delete them', async () => {
    const redlock = make();
    let lock = await redlock.acquire(['{a}1', '{a}2'], ENDLESS);
    expect(lock.value).toMatch(/^[0-9a-f]{32}$/);
    expect(lock.resources).toEqual(['{a}1', '{a}2']);
    expect(lock.redlock).toBe(redlock);
    await untilValues('{a}1', [lock.value, lock.value, lock.value]);
    await untilValues('{a}2', [lock.value, lock.value, lock.value]);
    const ttl = await clients[0]!.pttl('{a}1');
    expect(ENDLESS - ttl).toBeLessThan(60_000);
    expect(ENDLESS - ttl).toBeGreaterThanOrEqual(0);

    const first = lock;
    lock = await lock.extend(3 * ENDLESS);
    expect(lock.value).toBe(first.value);
    expect(first.expiration).toBe(0);
    await until(async () => 3 * ENDLESS - (await clients[2]!.pttl('{a}2')) < 60_000);

    const { attempts, start: releasedAt } = await lock.release();
    expect(releasedAt).toBeGreaterThan(0);
    expect((await attempts[0]!).votesFor.size).toBe(3);
    expect(lock.expiration).toBe(0);
    await untilValues('{a}1', [null, null, null]);
    await untilValues('{a}2', [null, null, null]);
  });

  it('leave nothing on the nodes but what they know of themselves', async () => {
    const lock = await make().acquire(['a'], 5_000);
    await lock.release();
    await untilValues('a', [null, null, null]);
    expect(await clients[0]!.keys('*')).toEqual(['quorlock:node']);
  });

  it('tell how each client voted, and when the lock expires', async () => {
    await clients[2]!.set('a', 'other');
    const before = Date.now();
    const lock = await make({ driftFactor: 0.1 }).acquire(['a'], 5_000);
    expect(lock.expiration).toBeGreaterThanOrEqual(before + 5_000 - 502);
    expect(lock.expiration).toBeLessThanOrEqual(Date.now() + 5_000 - 502);
    const stats = await lock.attempts.at(-1);
    expect(stats).toMatchObject({ membershipSize: 3, quorumSize: 2 });
    expect([...stats!.votesFor]).toEqual(expect.arrayContaining([clients[0], clients[1]]));
    expect([...stats!.votesAgainst.keys()]).toEqual([clients[2]]);
    expect(stats!.votesAgainst.get(clients[2]!)).toEqual(new ResourceLockedError(ONE_LOCKED));
    await lock.release();
    await untilValues('a', [null, null, 'other']);
  });

  it('extend works while another value is on a minority', async () => {
    await clients[2]!.set('a', 'other');
    const lock = await (await make().acquire(['a'], 60_000)).extend(3 * ENDLESS);
    await untilValues('a', [lock.value, lock.value, 'other']);
    const { attempts } = await lock.release();
    expect((await attempts[0]!).votesFor.size).toBe(2);
    await untilValues('a', [null, null, 'other']);
  });

  it('a lock of a majority of others is refused after all attempts, and nothing is left', async () => {
    await clients[1]!.set('a', 'other 1');
    await clients[2]!.set('a', 'other 2');
    const error = await failureOf(make().acquire(['a'], ENDLESS, QUICK));
    expect(error).toMatchObject({ message: NO_QUORUM, name: 'ExecutionError' });
    expect(error.attempts).toHaveLength(3);
    expect(await values('a')).toEqual([null, 'other 1', 'other 2']);
    for (const { votesAgainst } of await Promise.all(error.attempts)) {
      expect([...votesAgainst.values()]).toEqual([
        new ResourceLockedError(ONE_LOCKED),
        new ResourceLockedError(ONE_LOCKED),
      ]);
    }
  });

  it('the default settings make eleven attempts', async () => {
    const lock = await make().acquire(['a', 'b'], ENDLESS);
    const error = await failureOf(make({ retryDelay: 1, retryJitter: 0 }).acquire(['b', 'c'], ENDLESS));
    expect(error.attempts).toHaveLength(11);
    const messages = (await Promise.all(error.attempts)).flatMap(({ votesAgainst }) => [
      ...votesAgainst.values(),
    ]);
    expect(new Set(messages.map(String))).toEqual(
      new Set(['ResourceLockedError: The operation was applied to: 0 of the 2 requested resources.']),
    );
    await lock.release();
  });

  it('retryCount -1 tries until the lock is free', async () => {
    const lock = await make().acquire(['a'], ENDLESS);
    const acquiring = make(QUICK).acquire(['a'], 5_000, { retryCount: -1 });
    await sleep(100);
    await lock.release();
    const next = await acquiring;
    expect(next.attempts.length).toBeGreaterThan(1);
    await next.release();
  });

  it('the same resource twice is one resource', async () => {
    const lock = await make().acquire(['a', 'a'], 5_000);
    expect(lock.resources).toEqual(['a', 'a']);
    expect((await (await lock.release()).attempts[0]!).votesFor.size).toBe(3);
  });

  it('an extension never shortens the keys', async () => {
    const lock = await make().acquire(['a'], 600_000);
    const shorter = await lock.extend(5_000);
    expect(shorter.expiration).toBeLessThan(Date.now() + 5_000);
    expect(await clients[0]!.pttl('a')).toBeGreaterThan(500_000);
    await shorter.release();
  });

  it('a lock that has expired, or was released, is not extended', async () => {
    const redlock = make();
    const lock = await redlock.acquire(['a'], 300);
    await until(() => lock.expiration < Date.now());
    const error = await failureOf(lock.extend(5_000));
    expect(error).toMatchObject({ message: 'Cannot extend an already-expired lock.', attempts: [] });
    const released = await redlock.acquire(['b'], 5_000);
    await released.release();
    expect(await failureOf(released.extend(5_000))).toMatchObject({ attempts: [] });
  });

  it('a lock whose keys others have taken is not extended', async () => {
    const lock = await make().acquire(['a'], 60_000);
    for (const client of clients) await client.set('a', 'other');
    const error = await failureOf(lock.extend(60_000));
    expect(error.message).toBe(NO_QUORUM);
    expect(await values('a')).toEqual(['other', 'other', 'other']);
  });

  it('release of a lock that has expired or was released is refused at once, also with endless retries', async () => {
    const redlock = make({ retryCount: -1 });
    const lock = await redlock.acquire(['a'], 60_000);
    for (const client of clients) await client.del('a');
    const error = await failureOf(lock.release());
    expect(error.message).toBe(NO_QUORUM);
    expect(error.attempts).toHaveLength(1);
    expect([...(await error.attempts[0]!).votesAgainst.values()]).toEqual(
      clients.map(() => new ResourceLockedError(ONE_LOCKED)),
    );
    expect((await failureOf(lock.release())).attempts).toHaveLength(1);
  });

  it('a lock that was acquired elsewhere is extended and released by its value', async () => {
    const { value, expiration } = await make().acquire(['a'], 5_000);
    const lock = await new Lock(make(), ['a'], value, [], expiration).extend(600_000);
    expect(lock.value).toBe(value);
    await until(async () => (await clients[0]!.pttl('a')) > 500_000);
    await lock.release();
    await untilValues('a', [null, null, null]);
    const error = await failureOf(lock.release());
    expect((await error.attempts[0]!).votesAgainst.size).toBe(3);
  });
});

describe('the event error', () => {
  it('is told for each client that votes against, and ends no process', async () => {
    const redlock = make(ONCE);
    const lock = await redlock.acquire(['a'], 60_000);
    await failureOf(redlock.acquire(['a'], 60_000));
    const errors: unknown[] = [];
    redlock.on('error', (error) => errors.push(error));
    await failureOf(redlock.acquire(['a'], 60_000));
    await until(() => errors.length >= 3);
    for (const error of errors) expect(error).toBeInstanceOf(ResourceLockedError);
    await lock.release();
  });

  it('is told once in each call for a client that cannot be reached, also when a lock is released', async () => {
    const redlock = make(ONCE);
    await (await redlock.acquire(['first'], 60_000)).release();
    await redis.servers[2]!.kill();
    await until(() => redlock.locks.nodes()[2]!.status === 'unreachable');
    const errors: string[] = [];
    redlock.on('error', (error: Error) => errors.push(error.message));
    const lock = await redlock.acquire(['a'], 60_000);
    await until(() => errors.length >= 1);
    const extended = await lock.extend(60_000);
    await until(() => errors.length >= 2);
    const { attempts } = await extended.release();
    await attempts[0];
    await until(() => errors.length >= 3);
    expect(errors).toEqual(['Connection is closed.', 'Connection is closed.', ONE_LOCKED]);
  });

  it('a listener may acquire another lock', async () => {
    const redlock = make(ONCE);
    const lock = await redlock.acquire(['a'], 60_000);
    const inner = new Promise<Lock>((resolve, reject) => {
      redlock.once('error', () => void redlock.acquire(['b'], 60_000).then(resolve, reject));
    });
    await failureOf(redlock.acquire(['a'], 60_000));
    expect((await (await inner).attempts[0]!).votesFor.size).toBe(3);
    await lock.release();
  });
});

describe('using', () => {
  it('extends the lock while the routine runs, and releases it then', async () => {
    const aborted = await make().using(
      ['a'],
      2_000,
      { automaticExtensionThreshold: 1_500 },
      async (signal) => {
        const [value] = await values('a');
        await sleep(2_500);
        expect((await values('a'))[0]).toBe(value);
        return signal.aborted || signal.error !== undefined;
      },
    );
    expect(aborted).toBe(false);
    await untilValues('a', [null, null, null]);
  });

  it('excludes another one', async () => {
    const redlock = make({ retryDelay: 10, retryCount: -1 });
    let running = 0;
    const seen = await Promise.all(
      [1, 2, 3].map(() =>
        redlock.using(['a'], 5_000, async () => {
          expect(++running).toBe(1);
          const [value] = await values('a');
          await sleep(20);
          running--;
          return value;
        }),
      ),
    );
    expect(new Set(seen).size).toBe(3);
  });

  it('tells the loss while the clients hang, and rejects although the routine returns', async () => {
    const running = make().using(['a'], 3_000, { automaticExtensionThreshold: 1_000 }, async (signal) => {
      for (const server of redis.servers) server.pause();
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      expect(signal.error).toBeInstanceOf(ExecutionError);
      for (const server of redis.servers) server.resume();
      return 'done';
    });
    await failureOf(running);
  });

  it('rejects although the routine returns, if the keys are gone by then', async () => {
    const running = make().using(['a'], 5_000, async () => {
      for (const client of clients) await client.set('a', 'other');
      return 'done';
    });
    expect((await failureOf(running)).message).toBe(NO_QUORUM);
    expect(await values('a')).toEqual(['other', 'other', 'other']);
  });

  it('what the routine throws is what the caller gets, although the lock is lost', async () => {
    const running = make().using(['a'], 5_000, async () => {
      for (const client of clients) await client.del('a');
      throw new RangeError('of the routine');
    });
    await expect(running).rejects.toThrow(new RangeError('of the routine'));
  });
});

describe('an even number of clients', () => {
  it('settles a vote of two to two', async () => {
    for (const client of clients) client.disconnect();
    await redis.stop();
    await start(4);
    await clients[0]!.set('a', 'other');
    await clients[1]!.set('a', 'other');
    const error = await failureOf(make().acquire(['a'], 5_000, ONCE));
    expect((await error.attempts[0]!).votesAgainst.size).toBe(2);
    await untilValues('a', ['other', 'other', null, null]);
  });
});

describe('clients that fail', () => {
  it('one that hangs does not matter', async () => {
    const redlock = make();
    await (await redlock.acquire(['a'], 5_000)).release();
    redis.servers[1]!.pause();
    const lock = await redlock.acquire(['b'], 60_000, QUICK);
    expect((await lock.attempts.at(-1)!).votesFor.size).toBeGreaterThanOrEqual(2);
    await lock.release();
    redis.servers[1]!.resume();
  });

  it('unreachable ones are told by the words of ioredis', async () => {
    const dead = new Redis({ port: 1, host: '127.0.0.1', retryStrategy: () => null });
    dead.on('error', () => undefined);
    const redlock = new Redlock([dead], QUICK);
    for (const _ of [1, 2]) {
      const error = await failureOf(redlock.acquire(['a'], ENDLESS));
      expect(error.attempts).toHaveLength(3);
      for (const { votesAgainst } of await Promise.all(error.attempts)) {
        expect(votesAgainst.get(dead)?.message).toBe('Connection is closed.');
      }
    }
  });

  it('all of them closed close the connections, and connected again they lock again', async () => {
    const redlock = make(ONCE);
    const held = await redlock.acquire(['held'], 600_000);
    const { locks } = redlock;
    for (const client of clients) client.disconnect();
    await until(() => locks.closed);
    // redlock leaves what is held to expire, too.
    expect(await values('held')).toEqual([held.value, held.value, held.value]);
    await failureOf(redlock.acquire(['a'], 5_000));
    for (const client of clients) await client.connect();
    const lock = await redlock.acquire(['a'], 5_000);
    await lock.release();
  });

  it('one that is disconnected while it waits to reconnect has ended, although it emits nothing', async () => {
    const redlock = make(ONCE);
    await (await redlock.acquire(['a'], 5_000)).release();
    const { locks } = redlock;
    const between = new Redis({ port: 1, host: '127.0.0.1', retryStrategy: () => 1_000_000 });
    between.on('error', () => undefined);
    const other = new Redlock([between], ONCE);
    await failureOf(other.acquire(['a'], 5_000));
    await until(() => between.status === 'reconnecting');
    between.disconnect();
    expect(between.status).toBe('reconnecting');
    await until(() => other.locks.closed);
    await redis.servers[2]!.kill();
    await until(() => clients[2]!.status === 'reconnecting');
    for (const client of clients) client.disconnect();
    await until(() => locks.closed);
  });

  it('quit quits them, and leaves the locks to expire', async () => {
    const redlock = make(ONCE);
    const held = await redlock.acquire(['held'], 600_000);
    await redlock.quit();
    await until(() => clients.every(({ status }) => status === 'end'));
    expect(await values('held')).toEqual([held.value, held.value, held.value]);
    const error = await failureOf(redlock.acquire(['a'], 5_000));
    expect((await error.attempts[0]!).votesAgainst.get(clients[0]!)?.message).toBe('Connection is closed.');
  });

  it('Redlock objects of the same clients share their connections', async () => {
    const many = Array.from({ length: 20 }, () => make());
    expect(new Set(many.map(({ locks }) => locks)).size).toBe(1);
  });
});
