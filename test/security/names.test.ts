import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { memoryNode, type LockManager, type NodeSource } from '../../src/index.js';
import { resolveResources } from '../../src/lock/validation/resources.js';
import { fenceKeyOf, markerKeyOf, waitListOf } from '../../src/node/redis/protocol/keys.js';
import { keySlot } from '../contract/key-slot.js';
import { LockManagers } from '../support/lock-managers.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';

const keysOf = (lock: string, isOnShard: boolean): string[] => [
  lock,
  fenceKeyOf(lock, isOnShard),
  waitListOf(lock, isOnShard),
];

const isAllowed = (resource: string): boolean => {
  try {
    return resolveResources(resource).length === 1;
  } catch {
    return false;
  }
};

/** All names that consist of up to `length` of these parts, which are also parts of key names. */
function* namesOf(parts: readonly string[], length: number): Generator<string> {
  if (length === 0) return;
  for (const part of parts) {
    yield part;
    for (const rest of namesOf(parts, length - 1)) yield part + rest;
  }
}

describe('the keys of different resources', () => {
  it.each([
    ['on a server', '', ['{', '}', 'a', ':', ':fence'], 6],
    ['on a server', 'lock:', ['{', '}', 'a', 'lock:', ':'], 7],
    ['on a server', '{a}:', ['{', '}', 'a', ':', '{a}:'], 6],
    ['on a shard', '', ['{', '}', '0', ':', ':fence'], 6],
    ['on a shard', 'lock:', ['{', '}', '0', 'lock:', ':'], 6],
  ])('%s the keys of different resources differ, with the prefix %j', (place, prefix, parts, length) => {
    const isOnShard = place === 'on a shard';
    const names = new Set([...namesOf(parts, length)].filter(isAllowed));
    expect(names.size).toBeGreaterThan(5_000);
    const marker = markerKeyOf(prefix);
    const keys = new Map([[marker, 'the marker']]);
    const shared = [...names].flatMap((name) =>
      keysOf(prefix + name, isOnShard).flatMap((key) => {
        const other = keys.get(key);
        keys.set(key, name);
        return other === undefined ? [] : [`${key}: ${other}, ${name}`];
      }),
    );
    expect(shared.slice(0, 10)).toEqual([]);
  });

  it.each(['', 'lock:', '{a}:', '{}', '}'])(
    'the keys of a resource are in one slot of a Cluster, whatever braces are in it, with the prefix %j',
    (prefix) => {
      const names = [...namesOf(['{', '}', 'a', ':'], 4), ...HOSTILE];
      for (const name of names) {
        const slots = keysOf(prefix + name, true).map(keySlot);
        expect([name, new Set(slots).size]).toEqual([name, 1]);
      }
    },
  );

  it('the keys of two resources differ although braces in one name spell the other', () => {
    const one = fenceKeyOf('lock:a}:lock:{lock:a');
    const other = fenceKeyOf('lock:{lock:a}');
    expect(one).not.toBe(other);
  });
});

const HOSTILE = [
  '*',
  '?',
  '[a-z]',
  '~lock:*',
  '%s %d %n',
  '$1',
  "'; redis.call('FLUSHALL') --",
  ']] redis.call("FLUSHALL") --[[',
  '"}) return redis.call("KEYS", "*")',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'toString',
  '0',
  '-1',
  'NaN',
  'a',
  'l',
  'f',
  't',
  'd',
  '{}',
  '{',
  '}',
  '{{}}',
  '}{',
  '{x}',
  'x',
  '{x}:lock:x',
  'quorlock:node2',
  ':fence:',
  '../../etc/passwd',
  '<script>',
  '\u202e\u2066',
  '🔒'.repeat(128),
  'x'.repeat(512),
];

let redis: RedisServers;
beforeAll(async () => {
  redis = await startRedis({ count: 1 });
});
afterAll(() => redis.stop());

describe.each<[string, () => NodeSource]>([
  ['a Redis node', () => redis.servers[0]!.options],
  ['a memory node', () => memoryNode()],
])('hostile names on %s', (kind, node) => {
  it(`hostile names on ${kind} are locks like any others, each of its own`, async () => {
    await using managers = new LockManagers();
    const source = node();
    const [one, other] = (await Promise.all([1, 2].map(() => managers.connected({ nodes: [source] })))) as [
      LockManager,
      LockManager,
    ];
    const leases = [];
    for (const resource of HOSTILE) {
      leases.push(await one.acquire(resource));
      expect(await other.tryAcquire(resource)).toBeNull();
    }
    for (const lease of leases) {
      await lease.extend();
      await lease.release();
      await (await other.acquire(lease.resources[0]!)).release();
    }
    expect(HOSTILE.length).toBeGreaterThan(30);
    if (kind === 'a memory node') return;
    const keys = await redis.servers[0]!.client().keys('*');
    const fences = HOSTILE.map((resource) => fenceKeyOf(`lock:${resource}`));
    // The marker tells until when a lease may be out, also where this client asks for no quarantine.
    expect(keys.toSorted()).toEqual([...fences, markerKeyOf('lock:')].toSorted());
  });
});

describe('names that are rejected', () => {
  it.each([
    ['a line break', 'a\r\nSET x y'],
    ['a zero byte', 'a\u0000b'],
    ['an escape sequence', '\u001b[2J'],
    ['an eight-bit control character', '\u009b2J'],
    ['half a surrogate pair', 'a\ud800'],
    ['the other half', '\udc00'],
    ["the node's marker", 'quorlock:node'],
    ['a fencing counter', '{lock:x}:fence'],
    ['nothing', ''],
    ['more than 512 bytes', '🔒'.repeat(128) + 'x'],
  ])('a name is rejected if it is or has %s', (_what, resource) => {
    expect(() => resolveResources(resource)).toThrow(/^resource must/);
  });

  it('a call with more than 64 names is rejected before they are checked', () => {
    expect(() => resolveResources(Array.from({ length: 65 }, (_, index) => `r${index}`))).toThrow(
      'resources must be 1 to 64, got 65',
    );
    expect(() => resolveResources(new Array<string>(2 ** 32 - 1))).toThrow('resources must be 1 to 64');
  });

  it('a name that is no string is rejected', () => {
    for (const resource of [7, null, undefined, {}, { toString: () => 'x' }, [['x']], [Symbol('x')]]) {
      expect(() => resolveResources(resource as string)).toThrow('resource must be a string');
    }
  });
});

describe('values that other programs write to a node', () => {
  it.each([
    ['a line of a log', 'x@host\n[Nest] 1 - LOG all is well'],
    ['an escape sequence', 'x@\u001b[2J'],
    ['a very long name', `x@${'a'.repeat(10_000)}`],
    ['bytes that are no text', Buffer.from([0xff, 0x40, 0xfe])],
    ['no name', 'redlock-value'],
  ])('a foreign value is not reported as the owner: %s', async (_what, value) => {
    const raw = redis.servers[0]!.client();
    await raw.set('lock:foreign', value, 'PX', 60_000);
    await using managers = new LockManagers();
    const locks = await managers.connected({ nodes: [redis.servers[0]!.options] });
    await expect(locks.acquire('foreign')).rejects.toMatchObject({
      message: '"foreign" is held by another holder',
      owner: undefined,
    });
    await raw.del('lock:foreign');
  });

  it.each<[string, (raw: ReturnType<RedisServers['servers'][number]['client']>) => Promise<unknown>]>([
    ['a list instead of the lock', (raw) => raw.rpush('lock:corrupt', 'x')],
    ['a text instead of the counter', (raw) => raw.set('{lock:corrupt}:fence', 'x')],
    ['a counter that is no number', (raw) => raw.set('{lock:corrupt}:fence', 'x:')],
    ['a counter above all numbers', (raw) => raw.set('{lock:corrupt}:fence', '1e999')],
    ['a counter at the maximum of Redis', (raw) => raw.set('{lock:corrupt}:fence', '9223372036854775807')],
    ['a lock without an expiry', (raw) => raw.set('lock:corrupt', 'x@somebody')],
  ])(
    'corrupt data ends in a lease or a lock error, never in a hang or a crash: %s',
    async (_what, corrupt) => {
      const raw = redis.servers[0]!.client();
      await corrupt(raw);
      await using managers = new LockManagers();
      const locks = await managers.connected({ nodes: [redis.servers[0]!.options] });
      const outcome = await locks.acquire('corrupt').then(
        async (lease) => {
          expect(Number.isSafeInteger(lease.token)).toBe(true);
          await lease.release();
          return 'LEASE';
        },
        (error: { code?: string }) => error.code,
      );
      expect(outcome).toMatch(/^(LEASE|LOCK_NOT_ACQUIRED|QUORUM_UNREACHABLE)$/);
      await raw.del('lock:corrupt', '{lock:corrupt}:fence');
    },
  );
});

describe('options with names of the prototype', () => {
  const poisoned = (text: string) => JSON.parse(text) as Record<string, string>;

  it('the manager and acquire reject an option named __proto__', async () => {
    await using managers = new LockManagers();
    const options = poisoned('{"__proto__": {"ttlMs": 12}}');
    expect(() => managers.make({ nodes: [memoryNode()], ...options })).toThrow('unknown option "__proto__"');
    const locks = managers.make({ nodes: [memoryNode()] });
    await expect(locks.acquire('x', options)).rejects.toThrow('unknown option "__proto__"');
  });

  it('an option named __proto__ pollutes nothing when it is passed to ioredis', async () => {
    await using managers = new LockManagers();
    managers.make({ nodes: [poisoned('{"host": "127.0.0.1", "__proto__": {"polluted": true}}')] });
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});
