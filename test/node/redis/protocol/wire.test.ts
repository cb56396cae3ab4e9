import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { systemClock } from '../../../../src/clock.js';
import { RELEASE } from '../../../../src/node/redis/protocol/release.js';
import { startRedis, type RedisServers } from '../../../support/redis-servers.js';
import { until } from '../../../support/until.js';
import { crc16, keySlot } from '../../../contract/key-slot.js';
import { LONG_MS, Operations, wallUs } from '../../../../src/node/contract/operations.js';
import { freshResource, redisNode } from '../../../contract/redis-subject.js';

let redis: RedisServers;
let raw: Redis;
const nodes: Operations[] = [];

beforeAll(async () => {
  redis = await startRedis({ count: 1 });
  raw = redis.servers[0]!.client();
});
afterAll(() => redis.stop());
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.end()));
});

function on(...[source, settings]: Partial<Parameters<typeof redisNode>>): Operations {
  const node = redisNode(source ?? redis.servers[0]!.options, settings);
  const operations = new Operations({ node }, 'wire');
  nodes.push(operations);
  return operations;
}

const keysWith = (resource: string, client = raw): Promise<string[]> => client.keys(`*${resource}*`);

describe('the keys of a Redis node', () => {
  it('are the prefix and the resource, and beside it the fence key in the same slot of a Cluster', async () => {
    const resource = freshResource();
    await on().granted({ resources: [resource] });
    const [fence, lock] = (await keysWith(resource)).sort((a, b) => b.length - a.length) as [string, string];
    expect(lock).toBe(`lock:${resource}`);
    expect(fence).toBe(`{lock:${resource}}:fence`);
    expect(keySlot(fence)).toBe(keySlot(lock));
  });

  it.each([
    ['{user:7}:mail', 'a hash tag'],
    ['mail:{user:7}', 'a hash tag at the end'],
    ['a{b', 'an open brace'],
    ['a}b{c}', 'a closing brace before the tag'],
    ['{{a}}', 'braces in braces'],
    ['ä{ö}ü', 'letters of more than one byte'],
  ])('of the resource %s (%s) are in one slot', async (tagged) => {
    const resource = `${tagged}${freshResource()}`;
    await on().granted({ resources: [resource] });
    const keys = (await raw.keys('*')).filter((key) => key.includes(resource));
    expect(keys).toHaveLength(2);
    expect(new Set(keys.map(keySlot)).size).toBe(1);
  });

  it('of two resources never collide', async () => {
    const [a, b] = ['{x}', 'x'].map((name) => `${freshResource()}${name}`) as [string, string];
    const node = on();
    await node.granted({ resources: [a] });
    await node.granted({ resources: [b], holderId: 'bert' });
    expect(await raw.keys('*fence*')).toEqual(expect.arrayContaining([`{x}:lock:${a}:fence`]));
    expect((await node.inspect(a)).owner).toBe('anna');
    expect((await node.inspect(b)).owner).toBe('bert');
  });

  it('with the empty prefix are wire-compatible with redlock: the resource verbatim, a string with PX', async () => {
    const resource = freshResource();
    await on(undefined, { keyPrefix: '' }).granted({ resources: [resource], ttlMs: LONG_MS });
    expect(await raw.type(resource)).toBe('string');
    expect(await raw.get(resource)).toBe('anna');
    const pttl = await raw.pttl(resource);
    expect(pttl).toBeGreaterThan(LONG_MS / 2);
    expect(pttl).toBeLessThanOrEqual(LONG_MS);
  });

  it.each([
    ['options', () => ({ ...redis.servers[0]!.options, db: 3 })],
    ['a client', () => new Redis({ ...clientOptions(), db: 3, lazyConnect: true })],
  ])('are in the database that the user named in %s', async (_name, source) => {
    const resource = freshResource();
    const client = source();
    await on(client).granted({ resources: [resource] });
    expect(await keysWith(resource)).toEqual([]);
    const db3 = redis.servers[0]!.client({ db: 3 });
    expect(await keysWith(resource, db3)).toHaveLength(2);
    db3.disconnect();
  });

  it('are in the database that the client has selected since', async () => {
    const resource = freshResource();
    const client = redis.servers[0]!.client();
    await client.select(5);
    await on(client).granted({ resources: [resource] });
    expect(await keysWith(resource, client)).toHaveLength(2);
    expect(await keysWith(resource)).toEqual([]);
    client.disconnect();
  });

  it.each([
    ['options', () => ({ ...clientOptions(), keyPrefix: 'app:' })],
    ['a client', () => new Redis({ ...clientOptions(), keyPrefix: 'app:', lazyConnect: true })],
  ])('stand behind the key prefix that the user gave in %s, once', async (_name, source) => {
    const resource = freshResource();
    await on(source()).granted({ resources: [resource] });
    expect((await keysWith(resource)).sort()).toEqual(
      [`app:lock:${resource}`, `{app:lock:${resource}}:fence`].sort(),
    );
  });
});

const clientOptions = (): object => redis.servers[0]!.options;

describe('what a Redis node keeps', () => {
  const HOUR_MS = 3_600_000;
  const fenceOf = (resource: string): string => `{lock:${resource}}:fence`;

  /** Lets the fence key have less to live than it should, and tells what it has after the operation. */
  async function fenceTtlAfter(resource: string, operation: () => Promise<unknown>): Promise<number> {
    await raw.pexpire(fenceOf(resource), 1_000_000);
    await operation();
    return raw.pttl(fenceOf(resource));
  }

  it('fence keys live a day after a grant that makes them, and after every confirmation', async () => {
    const node = on();
    const resource = freshResource();
    const token = await node.granted({ resources: [resource] });
    expect(await raw.pttl(fenceOf(resource))).toBeGreaterThan(23 * HOUR_MS);
    const ttlMs = await fenceTtlAfter(resource, () => node.confirm({ resources: [resource], token }));
    expect(ttlMs).toBeGreaterThan(23 * HOUR_MS);
    expect(ttlMs).toBeLessThanOrEqual(24 * HOUR_MS);
  });

  /** As if the server had been running for days: it believes only counters of its own run. */
  async function believeAllCounters(node: Operations): Promise<void> {
    await node.granted({ resources: [freshResource()] });
    await raw.hset('lock:quorlock:node', 'anew', 0);
  }

  /** What a fence key has to live after the operation, when what it says lies so far from now. */
  async function lifeAfter(
    offsetMs: number,
    operation: (node: Operations, resource: string, counter: number) => Promise<unknown>,
  ): Promise<number> {
    const node = on();
    const resource = freshResource();
    await believeAllCounters(node);
    const counter = timeUs(await raw.time()) + offsetMs * 1_000;
    await raw.set(fenceOf(resource), counter, 'PX', 1_000_000);
    await operation(node, resource, counter);
    expect(Number(await raw.get(fenceOf(resource)))).toBeGreaterThanOrEqual(counter);
    return raw.pttl(fenceOf(resource));
  }

  const grant = (node: Operations, resource: string): Promise<number> =>
    node.granted({ resources: [resource] });
  const extension = async (node: Operations, resource: string, counter: number): Promise<void> => {
    await raw.set(`lock:${resource}`, 'anna', 'PX', 5_000);
    const vote = await node.extend({ resources: [resource], token: counter, maxCounter: counter });
    expect(vote).toEqual({ kind: 'granted', counter });
  };

  it.each([
    ['a grant', grant],
    ['an extension', extension],
  ])('%s gives a fence key whose counter is far behind a day to live', async (_what, touch) => {
    expect(await lifeAfter(-13 * HOUR_MS, touch)).toBeGreaterThan(23 * HOUR_MS);
  });

  it('without a quarantine, counters of another run of the server go on from the time, once', async () => {
    const node = on();
    const resources = [freshResource()];
    await believeAllCounters(node);
    const agoUs = timeUs(await raw.time()) - 60_000_000;
    await raw.set(fenceOf(resources[0]!), agoUs, 'PX', 1_000_000);
    expect(await node.granted({ resources })).toBe(agoUs + 1);
    await node.release({ resources });
    await raw.hset('lock:quorlock:node', 'counted', 'another run');
    const anew = await node.granted({ resources });
    expect(anew).toBeGreaterThan(agoUs + 50_000_000);
    await node.release({ resources });
    // The seed came a little before the server noticed.
    const seed = wallUs() + 500_000;
    const next = await node.granted({ resources, seed });
    await node.release({ resources });
    expect(next).toBe(seed + 1);
    expect(await node.granted({ resources, seed: seed + 300_000 })).toBe(seed + 2);
  });

  it.each([
    ['that is an hour ahead', 3_600_000_000],
    ['near 2^53', Number.MAX_SAFE_INTEGER - 6 - wallUs()],
    ['above 2^53', 2 ** 54 - wallUs()],
  ])('a counter %s fails every vote, which names the key, and nothing is written', async (_what, aheadUs) => {
    const node = on();
    const [resource, other] = [freshResource(), freshResource()];
    const poison = String(wallUs() + aheadUs);
    await raw.set(fenceOf(resource), poison, 'PX', 1_000_000);
    const queueEntry = { waiter: 'waiter', listLivesMs: 1_000 };
    const tick = Date.now();
    const votes = [
      await node.acquire({ resources: [resource] }),
      await node.acquire({ resources: [resource], tokens: 128, queueEntry }),
      await node.acquire({ resources: [resource], tick }),
      await node.acquire({ resources: [other, resource] }),
    ];
    expect(await raw.exists(`lock:${resource}`, `lock:${other}`)).toBe(0);
    await raw.set(`lock:${resource}`, 'anna', 'PX', 5_000);
    const token = wallUs();
    votes.push(
      await node.acquire({ resources: [resource] }),
      await node.confirm({ resources: [resource], token, tick }),
      await node.extend({ resources: [resource], token, ttlMs: LONG_MS }),
      await node.extend({ resources: [resource], token: Number(poison), ttlMs: LONG_MS }),
    );
    for (const vote of votes) {
      expect(vote).toMatchObject({ kind: 'failed', reason: 'error' });
      const { message } = (vote as { readonly cause: Error }).cause;
      expect(message).toContain(`the fencing counter ${fenceOf(resource)} is further ahead than time allows`);
    }
    expect(await raw.get(fenceOf(resource))).toBe(poison);
    expect(await raw.pttl(fenceOf(resource))).toBeLessThanOrEqual(1_000_000);
    expect(await raw.pttl(`lock:${resource}`)).toBeLessThanOrEqual(5_000);
    // What it does not concern goes on.
    await node.granted({ resources: [other] });
    expect(await node.release({ resources: [resource] })).toEqual({ kind: 'granted', counter: 0 });
  });

  it.each([
    ['a grant', grant],
    ['an extension', extension],
  ])('%s leaves a fence key its life where its counter says that it has half a day', async (_what, touch) => {
    expect(await lifeAfter(-11 * HOUR_MS, touch)).toBeLessThanOrEqual(1_000_000);
  });

  it('a counter that lies half a day back goes on from the time, so that it tells how old its life is', async () => {
    const node = on();
    const resource = freshResource();
    const now = timeUs(await raw.time());
    await raw.set(fenceOf(resource), now - 13 * HOUR_MS * 1_000, 'PX', 1_000_000);
    expect(await node.granted({ resources: [resource] })).toBeGreaterThan(now - 1_000_000);
  });

  it('fence keys with a tick on record live a week, and a later grant without a tick does not shorten that', async () => {
    const node = on();
    const resource = freshResource();
    const token = await node.granted({ resources: [resource], tick: 1 });
    await node.confirm({ resources: [resource], token, tick: 1 });
    expect(await raw.pttl(fenceOf(resource))).toBeGreaterThan(6 * 24 * HOUR_MS);
    const ttlMs = await fenceTtlAfter(resource, async () => {
      await node.release({ resources: [resource] });
      await node.granted({ resources: [resource] });
    });
    expect(ttlMs).toBeGreaterThan(6 * 24 * HOUR_MS);
    expect(ttlMs).toBeLessThanOrEqual(7 * 24 * HOUR_MS);
  });

  it('the record of a run is beside the fence key, in the same slot, and lives a week as the fence key does', async () => {
    const node = on();
    const resource = freshResource();
    const run = { tick: 1_795_453_154_275, attempt: 2 };
    const token = await node.granted({ resources: [resource], tick: run.tick });
    const key = `${fenceOf(resource)}:run`;
    expect(await raw.exists(key)).toBe(0);
    await node.confirm({ resources: [resource], token, ...run });
    expect(await raw.get(key)).toBe('1795453154275:2:started');
    expect(keySlot(key)).toBe(keySlot(`lock:${resource}`));
    await raw.pexpire(key, 1_000_000);
    await node.release({ resources: [resource], finish: run });
    expect(await raw.get(key)).toBe('1795453154275:2:finished');
    expect(await raw.get(fenceOf(resource))).toBe(`${token}:1795453154275`);
    for (const one of [key, fenceOf(resource)]) {
      const ttlMs = await raw.pttl(one);
      expect(ttlMs).toBeGreaterThan(6 * 24 * HOUR_MS);
      expect(ttlMs).toBeLessThanOrEqual(7 * 24 * HOUR_MS);
    }
  });

  it('counters are written as whole numbers, however large', async () => {
    const node = on();
    const resource = freshResource();
    const counter = await node.granted({ resources: [resource] });
    expect(counter).toBeGreaterThan(1e15);
    expect(await raw.get(fenceOf(resource))).toBe(String(counter));
    await node.confirm({ resources: [resource], token: counter + 1, tick: 1_795_453_154_275 });
    expect(await raw.get(fenceOf(resource))).toBe(`${counter + 1}:1795453154275`);
  });

  it.each([
    ['far ahead', 3_600_000_000, 1_000_000],
    ['far behind', -3_600_000_000, -1_000_000],
  ])("a seed %s is clamped to within a second of the node's own time", async (_name, offBy, bound) => {
    const resource = freshResource();
    const before = timeUs(await raw.time());
    const counter = await on().granted({ resources: [resource], seed: wallUs() + offBy });
    const after = timeUs(await raw.time());
    expect(counter).toBeGreaterThan(before + bound);
    expect(counter).toBeLessThanOrEqual(after + bound + 1);
  });

  it('the slots in these tests are those of the Cluster specification', () => {
    expect(crc16(Buffer.from('123456789'))).toBe(0x31c3);
    expect(keySlot('{user1000}.following')).toBe(keySlot('user1000'));
    expect(keySlot('foo{{bar}}zap')).toBe(keySlot('{bar'));
    expect(keySlot('foo{}{bar}')).not.toBe(keySlot('bar'));
  });

  it('with keys whose names have no printable sense it works all the same', async () => {
    const node = on(undefined, { keyPrefix: '' });
    const resource = ` %s "quoted" $1 \\n ${freshResource()} 🔒`;
    await node.granted({ resources: [resource] });
    expect(await raw.get(resource)).toBe('anna');
    expect((await node.inspect(resource)).owner).toBe('anna');
  });
});

const timeUs = ([seconds, micros]: readonly (number | string)[]): number =>
  Number(seconds) * 1_000_000 + Number(micros);

it('a release that stands in line again does so although nobody has waited on the node before', async () => {
  const node = on();
  const resource = freshResource();
  await node.granted({ resources: [resource], holderId: 'bert' });
  await raw.hdel('lock:quorlock:node', 'waits');
  await node.release({
    resources: [resource],
    holderId: 'bert',
    queueEntry: { waiter: 'bert:again', listLivesMs: 60_000 },
  });
  // It was first on the list, was told, and did not hear: that there may be a list is on record.
  expect(Number(await raw.hget('lock:quorlock:node', 'waits'))).toBeGreaterThan(
    timeUs(await raw.time()) / 1_000,
  );
});

describe('a Redis node in trouble', () => {
  it('answers each of many requests of one turn, of several verbs, in the order of each resource', async () => {
    const node = on();
    const [a = '', b = '', c = '', d = '', e = ''] = Array.from({ length: 5 }, freshResource);
    const tokens: number[] = [];
    for (const resource of [a, b, c]) tokens.push(await node.granted({ resources: [resource] }));
    await node.granted({ resources: [d], holderId: 'bert' });
    const extend = (resource: string, at: number) =>
      node.extendRequest({ resources: [resource], token: tokens[at]!, maxCounter: tokens[at]! });
    const release = (resource: string) => node.releaseRequest({ resources: [resource] });
    await raw.config('RESETSTAT');
    const votes = await node.askAll([
      extend(a, 0),
      extend(b, 1),
      extend(c, 2),
      node.acquireRequest({ resources: [d] }),
      release(a),
      release(b),
      node.acquireRequest({ resources: [a] }),
      release(d),
      release(c),
      node.acquireRequest({ resources: [e], seed: wallUs() }),
    ]);
    expect(votes).toMatchObject([
      ...tokens.map((counter) => ({ kind: 'granted', counter })),
      { kind: 'refused', reason: 'held', owner: 'bert' },
      { kind: 'granted', counter: 0 },
      { kind: 'granted', counter: 0 },
      { kind: 'granted', counter: tokens[0]! + 1 },
      { kind: 'refused', reason: 'absent' },
      { kind: 'granted', counter: 0 },
      { kind: 'granted' },
    ]);
    // The extensions, an acquisition, the releases, and what had to follow one of these.
    expect(await raw.info('commandstats')).toMatch(/cmdstat_evalsha:calls=4,/);
  });

  it('loads its scripts again after SCRIPT FLUSH, and nothing is granted twice', async () => {
    const node = on();
    const resource = freshResource();
    const counter = await node.granted({ resources: [resource] });
    await raw.script('FLUSH');
    expect(await node.acquire({ resources: [resource] })).toEqual({ kind: 'granted', counter });
    await raw.script('FLUSH');
    expect(await node.release({ resources: [resource] })).toMatchObject({ kind: 'granted' });
  });

  it('a release undoes the acquisition before it, though the server has lost the script of that', async () => {
    const node = on();
    const [one = '', other = ''] = [freshResource(), freshResource()];
    await node.granted({ resources: [other] });
    await raw.script('FLUSH');
    // As another client does that releases now.
    await raw.script('LOAD', RELEASE.text);
    const votes = await node.askAll([
      node.acquireRequest({ resources: [one] }),
      node.releaseRequest({ resources: [one] }),
      node.releaseRequest({ resources: [other] }),
    ]);
    expect(votes[0]).toMatchObject({ kind: 'granted' });
    expect(votes[1]).toMatchObject({ kind: 'granted' });
    // What the first call of the script has released is gone for the second.
    expect(votes[2]).toMatchObject({ kind: 'refused', reason: 'absent' });
    expect(await raw.exists(`lock:${one}`, `lock:${other}`)).toBe(0);
  });

  it('holders and waiters of any characters have locks of their own, and do no harm to others', async () => {
    const node = on();
    const hostile = fc.oneof(
      fc.string({ unit: 'binary', minLength: 1 }),
      fc.string({ unit: fc.constantFrom('"', '\\', "'", '\r\n', '$', '*', ' ', '\u0000', '%s', '{', '🔒') }),
    );
    const property = async (names: readonly string[], waiter: string): Promise<void> => {
      const resources = names.map(freshResource);
      const good = freshResource();
      const acquire = (at: number, holderId: string) =>
        node.acquireRequest({
          resources: [resources[at]!],
          holderId,
          queueEntry: { waiter: `w${waiter}`, listLivesMs: LONG_MS },
        });
      const requests = names.map((name, at) => acquire(at, `h${name}`));
      const votes = await node.askAll([...requests, node.acquireRequest({ resources: [good] })]);
      expect(votes.map(({ kind }) => kind)).toEqual(votes.map(() => 'granted'));
      for (const [at, name] of names.entries()) {
        const owner = `h${name}`;
        expect(await node.inspect(resources[at]!)).toMatchObject({ owner });
        expect(await node.ask(acquire(at, 'bert'))).toMatchObject({ kind: 'refused', owner });
        expect(await raw.zrange(`{lock:${resources[at]!}}:fence:wait`, 0, '-1')).toEqual([`w${waiter}`]);
        const released = await node.release({ resources: [resources[at]!], holderId: owner });
        expect(released).toEqual({ kind: 'granted', counter: 0 });
      }
    };
    await fc.assert(fc.asyncProperty(fc.array(hostile, { minLength: 1, maxLength: 4 }), hostile, property), {
      numRuns: 50,
    });
  });

  it('a key of a wrong type fails only its own operation', async () => {
    const node = on();
    const [list, fence, good] = [freshResource(), freshResource(), freshResource()];
    await raw.rpush(`lock:${list}`, 'x');
    await raw.rpush(`{lock:${fence}}:fence`, 'x');
    const votes = await node.askAll([
      node.acquireRequest({ resources: [list] }),
      node.acquireRequest({ resources: [fence] }),
      node.acquireRequest({ resources: [good] }),
    ]);
    expect(votes).toMatchObject([
      { kind: 'failed', reason: 'error', cause: { message: expect.stringMatching(/WRONGTYPE/) } },
      { kind: 'failed', reason: 'error', cause: { message: expect.stringMatching(/WRONGTYPE/) } },
      { kind: 'granted' },
    ]);
    expect(await raw.exists(`lock:${fence}`)).toBe(0);
    const [wrong, right] = await node.node.inspect([list, good]);
    expect(wrong).toMatchObject({ kind: 'failed', reason: 'error' });
    expect(right).toMatchObject({ kind: 'inspected', owner: 'anna' });
  });

  it('several resources of which one has a key of a wrong type leave nothing behind', async () => {
    const node = on();
    const [good, bad] = [freshResource(), freshResource()];
    await raw.rpush(`lock:${bad}`, 'x');
    expect(await node.acquire({ resources: [good, bad] })).toMatchObject({ kind: 'failed', reason: 'error' });
    expect(await keysWith(good)).toEqual([]);
  });

  it('a server that is out of memory votes with an error and keeps no half of a grant', async () => {
    await using own = await startRedis({ count: 1 });
    const node = on(own.servers[0]!.options);
    await node.granted({ resources: [freshResource()] });
    const client = own.servers[0]!.client();
    await client.config('SET', 'maxmemory', '1');
    const [a, b] = [freshResource(), freshResource()];
    expect(await node.acquire({ resources: [a, b] })).toMatchObject({
      kind: 'failed',
      reason: 'error',
      cause: { message: expect.stringMatching(/OOM/) },
    });
    expect(await client.exists(`lock:${a}`, `lock:${b}`)).toBe(0);
  });

  it('after a long silence its first request is not taken for late', async () => {
    // The longer a node was silent, the earlier the deadline that is passed on, because the clocks may have
    // drifted apart. At the default of a hundredth, 25 s of silence used up the 250 ms of a request.
    const node = on(undefined, { driftFactor: 0.9 });
    await node.granted({ resources: [freshResource()] });
    await sleep(1_300);
    const requests = [freshResource(), freshResource()].map((resource) =>
      node.acquireRequest({ resources: [resource], deadlineAt: systemClock.now() + 10_000 }),
    );
    const past = node.acquireRequest({ resources: [freshResource()], deadlineAt: systemClock.now() - 1 });
    expect(await node.askAll([requests[0]!, past, requests[1]!])).toMatchObject([
      { kind: 'granted' },
      { kind: 'failed', reason: 'late' },
      { kind: 'granted' },
    ]);
  });

  it('a master that becomes a replica loses its vote', async () => {
    await using own = await startRedis({ count: 1 });
    const node = on(own.servers[0]!.options);
    await node.granted({ resources: [freshResource()] });
    const client = own.servers[0]!.client();
    await client.replicaof('127.0.0.1', 1);
    expect(await node.acquire({ resources: [freshResource()] })).toMatchObject({ kind: 'failed' });
    await until(() => node.node.state.status === 'misconfigured');
    expect(node.node.state.reason).toBe('it is a read-only replica');
  });
});
