import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Cluster } from 'ioredis';
import {
  LOCK_DEFAULTS,
  LockManager,
  memoryNode,
  type AcquireOptions,
  type LockManagerOptions,
} from '../../src/index.js';
import { readNode } from '../../src/node/open-node.js';
import { LockManagers, record } from '../support/lock-managers.js';

/**
 * Invalid input is rejected with an error that names the option, the value and the bound, before any request
 * is sent.
 */
const SECRET = 'hunter2';

const managers: LockManager[] = [];
afterEach(async () => {
  await Promise.all(managers.splice(0).map((locks) => locks.close()));
});

/** An error as a log prints it, with all its properties and causes. */
const shown = (thing: unknown): string =>
  inspect(thing, { depth: 20, showHidden: true, maxStringLength: Infinity, maxArrayLength: Infinity });

function make(options: unknown): Error {
  try {
    managers.push(new LockManager(options as LockManagerOptions));
  } catch (error) {
    expect(shown(error)).not.toContain(SECRET);
    return error as Error;
  }
  throw new Error('the options were accepted');
}

const TOO_LONG = 2 ** 31;

/** Values that every option in milliseconds rejects. */
const NO_DURATION: readonly unknown[] = [
  NaN,
  -1,
  Infinity,
  -Infinity,
  TOO_LONG,
  1.5,
  '100',
  true,
  {},
  [100],
  100n,
];

/** A TTL may be longer than a timer's delay. */
const NO_TTL = [...NO_DURATION.filter((value) => value !== TOO_LONG), 0, 2 ** 53];

/** Each option with values that it rejects. */
const LOCK_TABLE: readonly (readonly [string, readonly unknown[]])[] = [
  ['ttlMs', [...NO_TTL, 9]],
  ['retries', NO_DURATION],
  ['retryDelayMs', [...NO_DURATION, 0]],
  ['waitMs', NO_DURATION],
  ['minHoldMs', [...NO_DURATION, 30_001]],
  ['maxHoldMs', [...NO_DURATION, 0, 29_999]],
  ['nodeTimeoutMs', [...NO_DURATION, 0, 2_001]],
  ['autoExtend', [1, 0, 'true', 'no', {}]],
];

const MANAGER_TABLE: readonly (readonly [string, readonly unknown[]])[] = [
  ...LOCK_TABLE,
  ['maxTtlMs', [...NO_DURATION, 0, 9]],
  ['driftFactor', [NaN, -0.1, 0.51, Infinity, '0.01']],
  ['restartQuarantine', ['on', NaN, -1, 59_999, Infinity, TOO_LONG, true]],
  ['fencing', ['yes', 1]],
  ['fallback', ['redis', true, '']],
  ['holder', ['two words', 'tab\t', 'x'.repeat(129), 'ü', 7]],
  ['keyPrefix', [7, {}, false]],
  ['warn', ['console', {}]],
];

const CALL_TABLE: readonly (readonly [string, readonly unknown[]])[] = [
  ...LOCK_TABLE,
  ['signal', [{}, 'abort', new AbortController()]],
  ['wait', [1, 'true', {}]],
  ['backoff', ['linear', 7, {}]],
  ['name', ['', 'x'.repeat(129), 7]],
  ['tick', [NaN, -1, 1.5, Infinity, '0', new Date()]],
];

const rows = (table: readonly (readonly [string, readonly unknown[]])[]) =>
  table.flatMap(([option, values]) =>
    values.map((value) => ({ option, value, text: inspect(value, { depth: 0, maxStringLength: 20 }) })),
  );

describe('the options of a LockManager', () => {
  it.each(rows(MANAGER_TABLE))(
    'a LockManager rejects $option: $text and names the option',
    ({ option, value }) => {
      const error = make({ nodes: [memoryNode()], [option]: value });
      expect(['TypeError', 'RangeError']).toContain(error.name);
      expect(error.message).toMatch(new RegExp(`\\b${option}\\b`));
    },
  );

  it.each(rows(CALL_TABLE))(
    'a call rejects $option: $text, names the option and sends no request',
    async ({ option, value }) => {
      const locks = new LockManager({ nodes: [memoryNode()] });
      managers.push(locks);
      await locks.started();
      const events = record(locks);
      const before = events.length;
      const options = { [option]: value } as AcquireOptions;
      const error = (await locks.acquire('a', options).catch((thrown: unknown) => thrown)) as Error;
      expect(['TypeError', 'RangeError']).toContain(error.name);
      expect(error.message).toMatch(new RegExp(`\\b${option}\\b`));
      await expect(locks.tryAcquire('a', options)).rejects.toThrow(error.message);
      await expect(locks.withLock('a', options, () => undefined)).rejects.toThrow(error.message);
      expect(events.slice(before)).toEqual([]);
    },
  );

  it.each([
    ['retries and waitMs at once', { retries: 1, waitMs: 1 }, /retries \(1\) and waitMs \(1\)/],
    ['minHoldMs above ttlMs', { minHoldMs: 2_000, ttlMs: 1_000 }, /minHoldMs \(2000\).*ttlMs \(1000\)/],
    ['maxHoldMs below ttlMs', { maxHoldMs: 500, ttlMs: 1_000 }, /maxHoldMs \(500\).*ttlMs \(1000\)/],
    [
      'nodeTimeoutMs above a third of ttlMs',
      { nodeTimeoutMs: 400, ttlMs: 1_000 },
      /nodeTimeoutMs.*333.*400.*ttlMs/,
    ],
  ])('a LockManager rejects %s and names both values', (_name, options, message) => {
    expect(make({ nodes: [memoryNode()], ...options }).message).toMatch(message);
  });

  it.each([
    [{ wait: true, waitMs: 1 }, 'wait (true) and waitMs (1) exclude each other'],
    [{ wait: true, retries: 1 }, 'wait (true) and retries (1) exclude each other'],
  ])('a call rejects %o, because a wait without an end has no other bound', async (options, message) => {
    const locks = new LockManager({ nodes: [memoryNode()] });
    managers.push(locks);
    await expect(locks.acquire('a', options)).rejects.toThrow(message);
  });

  it.each(['ttl', 'retryCount', 'lockAtMostFor', 'quorum', 'tls', 'signal', 'name', 'tick'])(
    'a LockManager rejects an unknown option %s and lists the known ones',
    (option) => {
      const { name, message } = make({ nodes: [memoryNode()], [option]: 1 });
      expect(name).toBe('TypeError');
      expect(message).toMatch(new RegExp(`unknown option "${option}".*ttlMs.*nodes`));
    },
  );

  it('acquire and close reject an unknown option', async () => {
    const locks = new LockManager({ nodes: [memoryNode()] });
    managers.push(locks);
    await expect(locks.acquire('a', { ttl: 5 } as AcquireOptions)).rejects.toThrow(/unknown option "ttl"/);
    await expect(locks.acquire('a', 5 as AcquireOptions)).rejects.toThrow(TypeError);
    await expect(locks.acquire('a', null as unknown as AcquireOptions)).rejects.toThrow(TypeError);
    await expect(locks.close({ drain: 5 } as { drainMs?: number })).rejects.toThrow(/unknown option "drain"/);
  });

  it.each([
    [-1, RangeError],
    [0.5, RangeError],
    [Number.NaN, RangeError],
    [2 ** 31, RangeError],
    ['5', TypeError],
  ])('close rejects a drainMs of %p, and the manager stays open', async (drainMs, error) => {
    const locks = new LockManager({ nodes: [memoryNode()] });
    managers.push(locks);
    const closing = locks.close({ drainMs: drainMs as number });
    await expect(closing).rejects.toThrow(/drainMs must be/);
    await expect(closing).rejects.toBeInstanceOf(error);
    expect(locks.closed).toBe(false);
    await (await locks.acquire('a')).release();
  });

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a URL', `redis://:${SECRET}@127.0.0.1`],
    ['a list', [`redis://:${SECRET}@127.0.0.1`]],
    ['a number', 5],
  ])('a LockManager rejects %s as its options', (_name, options) => {
    expect(make(options).name).toBe('TypeError');
  });
});

describe('an option that is undefined', () => {
  const allUndefined = (table: readonly (readonly [string, unknown])[]) =>
    Object.fromEntries(table.map(([option]) => [option, undefined]));

  it('has its default: of a manager, of a call and of close', async () => {
    const nodes = [memoryNode({ name: undefined })];
    const locks = new LockManager({ nodes, ...allUndefined(MANAGER_TABLE) });
    managers.push(locks);
    const lease = await locks.acquire('a', allUndefined(CALL_TABLE));
    expect(lease.name).toBe(LOCK_DEFAULTS.name);
    expect(lease.remainingMs()).toBeGreaterThan(LOCK_DEFAULTS.ttlMs / 2);
    await lease.release();
    await locks.close({ drainMs: undefined });
  });

  it('has its default: of a node', () => {
    const redis = { host: undefined, path: undefined, db: undefined, tls: undefined, durable: undefined };
    expect(readNode({ ...redis, port: 7000, name: undefined }, 'nodes[0]').name).toBe('localhost:7000');
  });
});

describe('the length of a message', () => {
  const LONG: readonly (readonly [string, unknown])[] = [
    ['a long text', 'x'.repeat(100_000)],
    ['a long list', Array.from({ length: 10_000 }, () => 'x'.repeat(1_000))],
    [
      'an object of many keys',
      Object.fromEntries(Array.from({ length: 1_000 }, (_, key) => [`x${key}`, key])),
    ],
  ];
  const bound = (error: Error): void => {
    expect(['TypeError', 'RangeError']).toContain(error.name);
    expect(error.message.length).toBeLessThan(800);
  };

  it.each(LONG)('a message is bounded if the value of any option is %s', async (_name, value) => {
    for (const [option] of MANAGER_TABLE) {
      // Any text is a prefix.
      if (option !== 'keyPrefix' || typeof value !== 'string')
        bound(make({ nodes: [memoryNode()], [option]: value }));
    }
    // Any plain object is options for ioredis.
    if (typeof value === 'string' || Array.isArray(value)) bound(make({ nodes: [value] }));
    bound(make({ nodes: [memoryNode()], ['x'.repeat(100_000)]: value }));
    const locks = new LockManager({
      nodes: Array.from({ length: 99 }, (_, at) => memoryNode({ name: `n${at}` })),
    });
    managers.push(locks);
    const thrown = (attempt: Promise<unknown>): Promise<Error> =>
      attempt.then(
        () => new Error('nothing was thrown'),
        (error: Error) => error,
      );
    for (const [option] of CALL_TABLE) bound(await thrown(locks.acquire('a', { [option]: value })));
    bound(await thrown(locks.acquire(value as string)));
    bound(await thrown(locks.trustNode(value as string)));
  });

  it('a message is bounded if the same long names are locked twice', async () => {
    const locks = new LockManager({ nodes: [memoryNode()] });
    managers.push(locks);
    const names = Array.from({ length: 64 }, (_, at) => `${at % 63}`.padStart(512, 'x'));
    await expect(locks.acquire(names)).rejects.toThrow(/^resources must differ, got .{0,200} twice$/);
  });
});

describe('the list of nodes', () => {
  it.each<[string, unknown, RegExp]>([
    ['undefined', undefined, /nodes/],
    ['an empty list', [], /nodes must not be empty/],
    ['a URL instead of a list', `redis://:${SECRET}@h`, /nodes must be a list .* got a value of type string/],
    ['nothing', undefined, /nodes must be a list .* got undefined/],
    ['a number', [5], /nodes\[0\]/],
    ['null', [null], /nodes\[0\]/],
    ['a list in the list', ['redis://h:1', [`redis://:${SECRET}@h`]], /nodes\[1\]/],
    ['a function', [() => `redis://:${SECRET}@h`], /nodes\[0\]/],
    ['a URL of another scheme', [`http://user:${SECRET}@h:1`], /nodes\[0\].*redis: or rediss:, got http:/],
    ['a URL without a scheme', [`user:${SECRET}@h:6379`], /nodes\[0\]/],
    ['host and port as a string', ['localhost:6379'], /nodes\[0\]/],
    ['an empty string', [''], /nodes\[0\]/],
    ['a sentence', [`my password is ${SECRET}`], /nodes\[0\]/],
    ['a URL without a host', [`redis://:${SECRET}@`], /nodes\[0\]/],
    ['a URL whose database is no number', [`redis://:${SECRET}@h/three`], /nodes\[0\].*database/],
    ['a URL with options, which would be lost', [`redis://:${SECRET}@h?db=3`], /nodes\[0\].*\?/],
    ['a family that is none', ['redis://h?family=5'], /nodes\[0\].*\?family=0, 4 or 6/],
    ['a family and more', ['redis://h?family=4&db=3'], /nodes\[0\].*\?family=0, 4 or 6/],
    ['a family and a fragment', [`redis://h?family=4#${SECRET}`], /nodes\[0\].*no #/],
    ['a password that looks like a family', [`redis://:${SECRET}?family=4@h`], /nodes\[0\]/],
    ['a URL whose password is badly encoded', [`redis://:${SECRET}%zz@h`], /nodes\[0\].*%/],
    ['port 0', [{ host: 'h', port: 0, password: SECRET }], /nodes\[0\].*port/],
    ['a port above 65,535', [{ host: 'h', port: 65_536, password: SECRET }], /nodes\[0\].*port/],
    ['a port as a string', [{ host: 'h', port: '6379', password: SECRET }], /nodes\[0\].*port/],
    ['a database below zero', [{ host: 'h', db: -1, password: SECRET }], /nodes\[0\].*db/],
    ['a name with spaces', [{ host: 'h', name: 'the first', password: SECRET }], /nodes\[0\].*name/],
    ['an empty list of sentinels', [{ sentinels: [], name: 'm', password: SECRET }], /nodes\[0\].*sentinels/],
    [
      'one sentinel without a list',
      [{ sentinels: `redis://:${SECRET}@h`, name: 'm' }],
      /nodes\[0\].*sentinels/,
    ],
    ['sentinels as URLs', [{ sentinels: [`redis://:${SECRET}@h`], name: 'm' }], /nodes\[0\].*sentinel/],
    [
      'a URL as the host of a sentinel',
      [{ sentinels: [{ host: `redis://:${SECRET}@h` }], name: 'm' }],
      /nodes\[0\].*host of a sentinel/,
    ],
    ['a sentinel on port 0', [{ sentinels: [{ port: 0 }], name: 'm', password: SECRET }], /nodes\[0\].*port/],
    [
      'sentinels without a group',
      [{ sentinels: [{ host: 'h' }], password: SECRET }],
      /nodes\[0\]: name.*group/,
    ],
    [
      'sentinels of a replica',
      [{ sentinels: [{ host: 'h' }], name: 'm', role: 'slave', password: SECRET }],
      /nodes\[0\]: role.*replica/,
    ],
    [
      'durable sentinels',
      [{ sentinels: [{ host: 'h' }], name: 'm', durable: true, password: SECRET }],
      /nodes\[0\]: durable.*failover/,
    ],
    ['a Cluster without servers', [{ cluster: [], password: SECRET }], /nodes\[0\]: cluster must be a list/],
    ['a Cluster without a list', [{ cluster: `redis://:${SECRET}@h` }], /nodes\[0\]: cluster must be a list/],
    ['a Cluster with an invalid URL', [{ cluster: [`${SECRET} h`] }], /nodes\[0\]/],
    ['a Cluster with null as a server', [{ cluster: [null], password: SECRET }], /nodes\[0\]: each server/],
    ['a Cluster on port 0', [{ cluster: [{ port: 0 }], password: SECRET }], /nodes\[0\]: port/],
    ['a Cluster with a URL as a host', [{ cluster: [{ host: `redis://:${SECRET}@h` }] }], /nodes\[0\]: host/],
    [
      'a Cluster and a host',
      [{ cluster: ['redis://h'], host: 'h', password: SECRET }],
      /cluster and host exclude/,
    ],
    [
      'a Cluster and sentinels',
      [{ cluster: ['redis://h'], sentinels: [{}], name: 'm' }],
      /cluster and sentinels/,
    ],
    [
      'a database other than 0 of a Cluster',
      [{ cluster: ['redis://h'], db: 1, password: SECRET }],
      /nodes\[0\]: db must be 0/,
    ],
    [
      'a durable Cluster',
      [{ cluster: ['redis://h'], durable: true, password: SECRET }],
      /nodes\[0\]: durable.*failover/,
    ],
    [
      'a Cluster with a bad name',
      [{ cluster: ['redis://h'], name: 'a b', password: SECRET }],
      /nodes\[0\]: name/,
    ],
    [
      'the same Cluster twice',
      [{ cluster: ['redis://a', 'redis://b:7000'] }, { cluster: [{ host: 'b', port: 7000 }, { host: 'a' }] }],
      /nodes\[0\] and nodes\[1\] are the same server/,
    ],
    [
      'a client of a Cluster that is listed already',
      [{ cluster: ['redis://a'] }, new Cluster([{ host: 'a', port: 6379 }], { lazyConnect: true })],
      /nodes\[0\] and nodes\[1\] are the same server/,
    ],
    [
      'the same group of the same sentinels twice',
      [
        { sentinels: [{ host: 'a' }, { host: 'b' }], name: 'm' },
        { sentinels: [{ host: 'b' }, { host: 'a', port: 26_379 }], name: 'm', password: SECRET },
      ],
      /nodes\[0\] and nodes\[1\] are the same server/,
    ],
    [
      'the same URL twice',
      ['redis://h:1', 'redis://h:2', `redis://:${SECRET}@h:1`],
      /nodes\[0\] and nodes\[2\]/,
    ],
    ['the same server on two databases', ['redis://h/0', 'redis://h/1'], /nodes\[0\] and nodes\[1\]/],
    [
      'a URL and options of the same server',
      ['redis://h:1', { host: 'h', port: 1 }],
      /nodes\[0\] and nodes\[1\]/,
    ],
    ['the default port, once explicit', ['redis://h', { host: 'h' }], /nodes\[0\] and nodes\[1\].*h:6379/],
    ['the same socket twice', ['/tmp/a.sock', { path: '/tmp/a.sock' }], /nodes\[0\] and nodes\[1\]/],
  ])('a LockManager rejects %s as nodes, names the entry and hides the password', (_name, nodes, message) => {
    const error = make({ nodes });
    expect(['TypeError', 'RangeError']).toContain(error.name);
    expect(error.message).toMatch(message);
    // The error is about the nodes, whatever the other options need of them.
    expect(make({ nodes, maxStallMs: 1_000 })).toMatchObject({ name: error.name, message: error.message });
  });

  it('a LockManager rejects the same in-memory node twice', () => {
    const node = memoryNode();
    expect(make({ nodes: [node, memoryNode({ name: 'b' }), node] }).message).toMatch(
      /nodes\[0\] and nodes\[2\]/,
    );
  });

  it('a LockManager rejects two in-memory nodes with the same name and tells how to set names', () => {
    expect(make({ nodes: [memoryNode(), memoryNode(), memoryNode()] })).toMatchObject({
      name: 'RangeError',
      message: expect.stringMatching(
        /nodes\[0\] and nodes\[1\] are both called "memory".*memoryNode\(\{ name \}\)/,
      ),
    });
  });

  it('a LockManager accepts an even number of nodes with a warning that gives the number', async () => {
    await using many = new LockManagers();
    many.make({ nodes: [memoryNode({ name: 'a' }), memoryNode({ name: 'b' })] });
    expect(many.warnings).toEqual([expect.stringMatching(/even number of members \(2\)/)]);
  });
});

describe('the name of a resource', () => {
  it.each<[string, unknown, RegExp]>([
    ['an empty name', '', /1 to 512 bytes, got 0/],
    ['513 letters', 'x'.repeat(513), /1 to 512 bytes, got 513/],
    ['257 letters of two bytes', 'é'.repeat(257), /1 to 512 bytes, got 514/],
    ['a line break', 'a\nb', /control characters/],
    ['a NUL', 'a\0', /control characters/],
    ['a DEL', '\u007f', /control characters/],
    ['a number', 7, /resource must be a string/],
    ['undefined', undefined, /resource must be a string/],
    ['an object', { id: 7 }, /resource must be a string/],
    ['an empty list', [], /resources must be 1 to 64, got 0/],
    [
      'a list of 65',
      Array.from({ length: 65 }, (_, index) => `r${index}`),
      /resources must be 1 to 64, got 65/,
    ],
    ['the name of a node marker', 'quorlock:node', /must not be 'quorlock:node'/],
    ['the name of a shard marker', 'quorlock:{7}:0123abcd:node', /must not be 'quorlock:\{7\}/],
    ['a list with a duplicate', ['a', 'b', 'a'], /resources must differ/],
    ['a list with an empty name', ['a', ''], /1 to 512 bytes, got 0/],
    ['the name of a fencing counter', '{lock:a}:fence', /:fence/],
    ['the name of a wait queue', '{lock:a}:fence:wait', /:fence:wait/],
    ['the name of a record of runs', '{lock:a}:fence:run', /:fence:run/],
    ['the name of a history of runs', '{lock:a}:fence:history', /:fence:history/],
    ['the name of a last success', '{lock:a}:fence:success', /:fence:success/],
  ])('every call rejects %s as a resource and sends no request', async (_name, resource, message) => {
    const locks = new LockManager({ nodes: [memoryNode()] });
    managers.push(locks);
    await locks.started();
    const events = record(locks);
    const before = events.length;
    const bad = resource as string;
    await expect(locks.acquire(bad)).rejects.toThrow(message);
    await expect(locks.tryAcquire(bad)).rejects.toThrow(message);
    await expect(locks.withLock(bad, () => undefined)).rejects.toThrow(message);
    if (!Array.isArray(resource)) await expect(locks.inspect(bad)).rejects.toThrow(message);
    expect(events.slice(before)).toEqual([]);
  });

  it.each(['x'.repeat(512), 'é'.repeat(256), ' ', '{}', 'a:b:c', '🔒', '__proto__'])(
    'a resource may be named %j',
    async (resource) => {
      const locks = new LockManager({ nodes: [memoryNode()] });
      managers.push(locks);
      const lease = await locks.acquire(resource);
      expect(lease.resources).toEqual([resource]);
      expect(await locks.tryAcquire(resource)).toBeNull();
      await lease.release();
    },
  );
});

describe('the argument of extend', () => {
  it.each(rows([['ttlMs', NO_TTL]]))('a lease rejects extend($text)', async ({ value }) => {
    const locks = new LockManager({ nodes: [memoryNode()] });
    managers.push(locks);
    const lease = await locks.acquire('a');
    await expect(lease.extend(value as number)).rejects.toThrow(/ttlMs must be/);
    lease.assertHeld();
    await lease.release();
  });
});

it('a listener, a declared name and a routine of the wrong type are rejected', async () => {
  const locks = new LockManager({ nodes: [memoryNode()] });
  managers.push(locks);
  expect(() => locks.subscribe('acquired' as never)).toThrow(TypeError);
  expect(() => locks.declare('')).toThrow(RangeError);
  expect(() => locks.declare(7 as never)).toThrow(TypeError);
  await expect(locks.withLock('a', {}, undefined as never)).rejects.toThrow(/routine/);
});
