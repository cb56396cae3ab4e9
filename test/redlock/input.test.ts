import { afterEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import Default, { Redlock, type Lock } from '../../src/redlock/index.js';

/** Clients that connect to nowhere. */
const clients: Redis[] = [];
const client = (port = 1): Redis => {
  const made = new Redis({ lazyConnect: true, port });
  clients.push(made);
  return made;
};

afterEach(() => {
  for (const made of clients.splice(0)) made.disconnect();
});

const errorOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
  return 'none';
};

describe('the constructor of Redlock', () => {
  it('is the default export and a named one', () => {
    expect(Default).toBe(Redlock);
  });

  it.each<[string, unknown, string]>([
    ['no clients', [], 'Error: Redlock must be instantiated with at least one redis client.'],
    ['nothing', undefined, 'TypeError: clients must be a list of ioredis clients, got undefined'],
    ['a url', 'redis://:secret@host', 'TypeError: clients must be a list of ioredis clients, got a string'],
    [
      'urls',
      ['redis://:secret@host'],
      'TypeError: clients[0] must be an ioredis client (Redis or Cluster), got a string',
    ],
    ['null', [null], 'TypeError: clients[0] must be an ioredis client (Redis or Cluster), got null'],
    [
      'options',
      [{ host: 'a' }],
      'TypeError: clients[0] must be an ioredis client (Redis or Cluster), got an object of the class Object',
    ],
  ])('refuses %s in the place of clients', (_, given, message) => {
    expect(errorOf(() => new Redlock(given as Redis[]))).toBe(message);
  });

  it('refuses two clients of one server, which would vote twice', () => {
    expect(errorOf(() => new Redlock([client(7), client(7)]))).toBe(
      'RangeError: clients[0] and clients[1] are the same server (localhost:7); it would vote twice',
    );
  });

  it.each<[object, string]>([
    [{ driftFactor: -0.1 }, 'RangeError: driftFactor must be from 0 to 0.5, got -0.1'],
    [{ driftFactor: NaN }, 'RangeError: driftFactor must be from 0 to 0.5, got NaN'],
    [{ retryCount: -2 }, 'RangeError: retryCount must be an integer from 0, or -1 for no end, got -2'],
    [{ retryCount: 1.5 }, 'RangeError: retryCount must be an integer from 0, or -1 for no end, got 1.5'],
    [{ retryCount: '10' }, 'TypeError: retryCount must be a number, got string'],
    [{ retryDelay: 2 ** 31 }, 'RangeError: retryDelay must be from 0 to 2147483647, got 2147483648'],
    [{ retryJitter: -1 }, 'RangeError: retryJitter must be from 0 to 2147483647, got -1'],
    [{ automaticExtensionThreshold: NaN }, 'RangeError: automaticExtensionThreshold must be from 0, got NaN'],
  ])('refuses the settings %j and names the setting', (settings, message) => {
    expect(errorOf(() => new Redlock([client()], settings))).toBe(message);
  });

  it('completes settings by the defaults of redlock 5', () => {
    expect(new Redlock([client()], { retryCount: 3 }).settings).toEqual({
      driftFactor: 0.01,
      retryCount: 3,
      retryDelay: 200,
      retryJitter: 100,
      automaticExtensionThreshold: 500,
    });
  });

  it('refuses other scripts, because they would not be run', () => {
    const scripts = { releaseScript: (script: string) => script };
    expect(errorOf(() => new Redlock([client()], {}, scripts))).toBe(
      'TypeError: scripts: releaseScript cannot be replaced, because quorlock runs scripts of its own',
    );
    expect(errorOf(() => new Redlock([client()], {}, {}))).toBe('none');
  });

  it('connects nothing', () => {
    const made = client();
    const { locks } = new Redlock([made]);
    expect(made.status).toBe('wait');
    expect(locks.nodes()).toEqual([{ name: 'localhost:1', status: 'connecting' }]);
  });
});

describe('a call of Redlock', () => {
  const INTEGER = 'Duration must be an integer value in milliseconds.';

  it.each([1.5, NaN, '1000', undefined])('refuses the duration %p', async (duration) => {
    const redlock = new Redlock([client()]);
    const given = duration as number;
    await expect(redlock.acquire(['a'], given)).rejects.toThrow(INTEGER);
    await expect(redlock.using(['a'], given, async () => 1)).rejects.toThrow(INTEGER);
  });

  it.each([0, -1, 9, Infinity])('refuses the duration %p, and names it', async (duration) => {
    await expect(new Redlock([client()]).acquire(['a'], duration)).rejects.toThrow(
      `duration must be from 10 to ${Number.MAX_SAFE_INTEGER} ms, got ${duration}`,
    );
  });

  it.each<[unknown, string]>([
    ['a', 'resources must be a list of names, got a string'],
    [[], 'resources must be 1 to 64, got 0'],
    [[7], 'resource must be a string, got 7'],
    [[''], 'resource must have 1 to 512 bytes, got 0'],
  ])('refuses the resources %j', async (resources, message) => {
    await expect(new Redlock([client()]).acquire(resources as string[], 1_000)).rejects.toThrow(message);
  });

  it('refuses settings of one call by their names', async () => {
    const redlock = new Redlock([client()]);
    const message = 'retryDelay must be from 0 to 2147483647, got -1';
    await expect(redlock.acquire(['a'], 1_000, { retryDelay: -1 })).rejects.toThrow(message);
  });

  const MEMBERS = { resources: ['a'], value: 'v', expiration: 0 };

  it.each<[string, unknown, string]>([
    ['nothing', undefined, 'lock must be a Lock, got undefined'],
    ['null', null, 'lock must be a Lock, got null'],
    ['a resource', 'a', 'lock must be a Lock, got a string'],
    ['an empty object', {}, 'lock.resources must be a list of names, one at least'],
    ['no resources', { ...MEMBERS, resources: [] }, 'lock.resources must be a list of names, one at least'],
    ['resources of numbers', { ...MEMBERS, resources: [7] }, 'lock.resources must be a list of names'],
    ['no value', { ...MEMBERS, value: undefined }, 'lock.value must be the value of its keys, got undefined'],
    ['an empty value', { ...MEMBERS, value: '' }, 'lock.value must be the value of its keys, got a string'],
    ['no expiration', { ...MEMBERS, expiration: 'soon' }, 'lock.expiration must be a time in milliseconds'],
    ['an expiration that is no number', { ...MEMBERS, expiration: NaN }, 'lock.expiration must be a time in'],
  ])('%s is refused in the place of a lock, by extend and by release', async (_, given, message) => {
    const redlock = new Redlock([client()]);
    const errors: unknown[] = [];
    redlock.on('error', (error) => errors.push(error));
    await expect(redlock.release(given as Lock)).rejects.toThrow(message);
    await expect(redlock.extend(given as Lock, 1_000)).rejects.toThrow(message);
    expect(errors).toEqual([]);
  });

  it('using needs a routine, and time before its extension', async () => {
    const redlock = new Redlock([client()]);
    await expect(redlock.using(['a'], 1_000, {})).rejects.toThrow(
      'using takes a routine as its last argument',
    );
    await expect(redlock.using(['a'], 599, async () => 1)).rejects.toThrow(
      'A lock `duration` must be at least 100ms greater than the `automaticExtensionThreshold` setting.',
    );
  });
});
