import { describe, expect, it } from '@jest/globals';
import { LockManagerClosedError, type LockManager } from '../../src/index.js';
import { VirtualWorld } from '../support/virtual-world.js';

describe.each<[string, (locks: LockManager) => Promise<unknown>, string]>([
  ['inspect', (locks) => locks.inspect('a'), '"a": the lock manager is closed'],
  ['history', (locks) => locks.history('a'), '"a": the lock manager is closed'],
  ['trustNode', (locks) => locks.trustNode('node-0'), 'the lock manager is closed'],
  ['acceptMembers', (locks) => locks.acceptMembers(), 'the lock manager is closed'],
])('%s', (_, call, message) => {
  it('says that the manager is closed, and not that the nodes cannot be reached', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    await world.clock.until(locks.close());
    const error: unknown = await world.clock.until(call(locks).catch((thrown: unknown) => thrown));
    expect(error).toBeInstanceOf(LockManagerClosedError);
    expect(error).toMatchObject({ message });
  });

  it('works while the manager is drained', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    locks.drain();
    await world.clock.until(call(locks));
  });
});

it('a release never rejects, whatever it is given', async () => {
  const world = new VirtualWorld(3);
  const locks = world.manager();
  for (const given of [null, 5, 'x', {}, { finish: 1 }] as never[]) {
    const lease = await world.clock.until(locks.acquire('a'));
    await world.clock.until(lease.release(given));
    expect((await world.clock.until(locks.inspect('a'))).status).toBe('free');
  }
});

it('bad options of withLock are named', async () => {
  const world = new VirtualWorld(1);
  const locks = world.manager();
  const routine = (): string => 'ran';
  await expect(locks.withLock('a', null as never, routine)).rejects.toThrow(
    'acquire takes an object of options, got null',
  );
  await expect(world.clock.until(locks.withLock('a', undefined as never, routine))).resolves.toBe('ran');
});

it.each<[string, unknown, string]>([
  ['nothing', null, 'acquire takes an object of options, got null'],
  ['an unknown option', { ttl: 1 }, 'acquire: unknown option "ttl"'],
  // As redlock takes it.
  ['a TTL', 5_000, 'acquire takes an object of options, got a number: a TTL is written { ttlMs: 5000 }'],
  ['a wrong value', { ttlMs: NaN }, 'ttlMs must be an integer from 10'],
  ['a signal that is none', { signal: 'x' }, "signal must be an AbortSignal, got 'x'"],
])('bad options of withLock are named also where the call joins a lease: %s', async (_, given, message) => {
  const world = new VirtualWorld(1);
  const locks = world.manager();
  const inner = () => locks.withLock('a', given as never, () => 'ran');
  await expect(world.clock.until(locks.withLock('a', inner))).rejects.toThrow(message);
});
