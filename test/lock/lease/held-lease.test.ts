import { describe, expect, it } from '@jest/globals';
import { currentLease, LeaseLostError, type Lease } from '../../../src/index.js';
import { MemoryNode } from '../../../src/node/memory/memory-node.js';
import { VirtualWorld } from '../../support/virtual-world.js';

const R = 'invoice:7';

const acquired = (world: VirtualWorld, options = {}, managerOptions = {}): Promise<Lease> =>
  world.clock.until(world.manager(managerOptions).acquire(R, { ttlMs: 3_000, ...options }));

/** The third node is the slowest, and its counter is one ahead, as after a round that another client lost. */
async function worldWithANodeAhead(): Promise<VirtualWorld> {
  const world = new VirtualWorld(3);
  const locks = world.manager();
  await world.clock.until((await world.clock.until(locks.acquire(R))).release());
  for (const node of world.nodes.slice(0, 2)) node.down();
  await world.clock.until(
    world
      .manager()
      .acquire(R, { nodeTimeoutMs: 100 })
      .catch(() => undefined),
  );
  for (const node of world.nodes.slice(0, 2)) node.up();
  world.nodes[2]!.behaviour = { requestMs: 2, replyMs: 2 };
  return world;
}

describe('a lease', () => {
  it('a lease is extended at a third of its TTL for as long as it is held, by one timer', async () => {
    const world = new VirtualWorld(3);
    const lease = await acquired(world);
    await world.clock.advance(60_000);
    expect(lease.signal.aborted).toBe(false);
    expect(lease.remainingMs()).toBeGreaterThan(1_900);
    const extensions = world.nodes[0]!.log.filter(({ op }) => op === 'extend').length;
    expect(extensions).toBeGreaterThanOrEqual(57);
    // Each may be a sixty-fourth of the TTL earlier or later, to be sent together with others.
    expect(extensions).toBeLessThanOrEqual(63);
    await world.clock.until(lease.release());
    expect(await world.leftovers(R)).toEqual([]);
    await world.clock.advance(1_000);
    expect(world.clock.timers).toBe(0);
  });

  it('a lease is lost before its keys can expire if a majority is stopped, and its signal says why', async () => {
    const world = new VirtualWorld(3);
    const lease = await acquired(world);
    let keysLeftMs = -1;
    lease.signal.addEventListener('abort', () => {
      void Promise.all(world.nodes.map((node) => node.remainingMs(R))).then(
        (left) => (keysLeftMs = Math.min(...left)),
      );
    });
    await world.clock.advance(900);
    world.nodes[0]!.stop();
    world.nodes[1]!.stop();
    await world.clock.advance(3_000);
    expect(lease.signal.aborted).toBe(true);
    expect(lease.signal.reason).toBeInstanceOf(LeaseLostError);
    expect(lease.signal.reason).toMatchObject({ reason: 'unreachable', resources: [R] });
    expect(keysLeftMs).toBeGreaterThan(0);
    expect(lease.remainingMs()).toBe(0);
    expect(() => lease.assertHeld()).toThrow(LeaseLostError);
    expect(world.eventsOf('lost')).toMatchObject([{ reason: 'unreachable' }]);
  });

  it('a lease survives an extension that failed on a majority: it is tried again while validity is left', async () => {
    const world = new VirtualWorld(3);
    const lease = await acquired(world);
    world.nodes[0]!.down();
    world.nodes[1]!.down();
    await world.clock.advance(1_500);
    expect(world.eventsOf('extended').map(({ outcome }) => outcome)).toContain('failed');
    world.nodes[0]!.up();
    world.nodes[1]!.up();
    await world.clock.advance(10_000);
    expect(lease.signal.aborted).toBe(false);
    expect(await world.owners(R)).not.toContain(undefined);
  });

  it('a lease is not given up after a failed extension, and not shortened by a short TTL', async () => {
    const world = new VirtualWorld(3);
    const lease = await acquired(world, { autoExtend: false });
    for (const node of world.nodes) node.down();
    await expect(world.clock.until(lease.extend())).rejects.toMatchObject({ code: 'QUORUM_UNREACHABLE' });
    expect(lease.signal.aborted).toBe(false);
    for (const node of world.nodes) node.up();
    await world.clock.until(lease.extend(500));
    expect(lease.remainingMs()).toBeGreaterThan(2_500);
    await world.clock.until(lease.extend(10_000));
    expect(lease.remainingMs()).toBeGreaterThan(9_500);
    expect(await world.nodes[0]!.remainingMs(R)).toBeGreaterThan(9_500);
  });

  it('a lease restores its key on a node that lost its data, so all nodes may lose it one after the other', async () => {
    const world = new VirtualWorld(3);
    const lease = await acquired(world);
    for (const node of world.nodes) {
      node.loseData();
      await world.clock.advance(2_500);
      expect(await node.owner(R)).toBeDefined();
    }
    expect(lease.signal.aborted).toBe(false);
  });

  it('a node whose counter was ahead of the token carries the lease on when another node dies', async () => {
    const world = await worldWithANodeAhead();
    const lease = await acquired(world);
    const { token } = lease;
    await world.clock.advance(1_500);
    world.nodes[0]!.down();
    await world.clock.advance(10_000);
    expect(lease.signal.aborted).toBe(false);
    expect(lease.token).toBe(token);
    await world.clock.until(lease.release());
    const next = await acquired(world);
    expect(next.token).toBeGreaterThan(token);
  });

  it('a lease recovers within its validity if a node whose counter was ahead is needed at once', async () => {
    const world = await worldWithANodeAhead();
    const lease = await acquired(world);
    world.nodes[0]!.down();
    await world.clock.advance(10_000);
    expect(lease.signal.aborted).toBe(false);
  });

  it('a lease is lost at once, as taken, if a majority has another holder', async () => {
    const world = new VirtualWorld(3);
    const lease = await acquired(world);
    for (const node of world.nodes.slice(0, 2)) {
      node.loseData();
      await world.clock.until(
        node.vote({
          op: 'acquire',
          tokens: 1,
          resources: [R],
          holderId: 'thief',
          ttlMs: 60_000,
          deadlineAt: Infinity,
          seed: 1e15,
          tick: undefined,
        }),
      );
    }
    await world.clock.advance(1_100);
    expect(lease.signal.reason).toMatchObject({ reason: 'taken' });
    await world.clock.until(lease.release());
    await world.clock.advance(10);
    expect(await world.owners(R)).toEqual(['thief', 'thief', undefined]);
  });

  it('a lease goes on if a claimant that lost its round passed by on a majority', async () => {
    const world = new VirtualWorld(3);
    const lease = await acquired(world);
    const passing = { resources: [R], holderId: 'passing', ttlMs: 60_000, deadlineAt: Infinity };
    for (const node of world.nodes.slice(0, 2)) {
      node.loseData();
      await world.clock.until(
        node.vote({ op: 'acquire', tokens: 1, ...passing, seed: undefined, tick: undefined }),
      );
    }
    const looked = world.nodes[0]!.log.length;
    while (!world.nodes[0]!.log.slice(looked).some(({ op }) => op === 'extend')) await world.clock.advance(1);
    for (const node of world.nodes.slice(0, 2)) {
      await world.clock.until(node.vote({ op: 'release', resources: [R], holderId: 'passing', keepMs: 0 }));
    }
    await world.clock.advance(10_000);
    expect(lease.signal.aborted).toBe(false);
  });

  it.each([
    ['mismatch', 2, /no majority of the nodes votes in this client's list of nodes/],
    // Two are away, and nobody knows what they would say.
    ['unreachable', 1, /could be reached/],
  ])(
    'a lease whose nodes vote under another list ends as %s where %d of three do',
    async (reason, count, text) => {
      const world = new VirtualWorld(3);
      const lease = await acquired(world);
      world.nodes.forEach((node, at) => {
        const hasOtherList = at < count;
        node.behaviour = { ...node.behaviour, hasOtherList, down: count === 1 && at > 0 };
      });
      await world.clock.advance(3_000);
      expect(lease.signal.reason).toMatchObject({ reason, message: expect.stringMatching(text) });
      expect(world.eventsOf('lost')).toMatchObject([{ reason }]);
    },
  );

  it('a lease that is not extended ends with its TTL', async () => {
    const world = new VirtualWorld(3);
    const lease = await acquired(world, { autoExtend: false });
    await world.clock.advance(2_800);
    expect(lease.signal.aborted).toBe(false);
    await world.clock.advance(200);
    expect(lease.signal.reason).toMatchObject({ reason: 'not_extended' });
  });

  it('a lease ends at maxHoldMs although it is extended', async () => {
    const world = new VirtualWorld(3);
    const lease = await acquired(world, { maxHoldMs: 10_000 });
    await world.clock.advance(9_990);
    expect(lease.signal.aborted).toBe(false);
    await world.clock.advance(20);
    expect(lease.signal.reason).toMatchObject({ reason: 'max_hold' });
    // The keys stay until the holder has stopped, or until they expire.
    await world.clock.advance(100);
    expect(await world.leftovers(R)).not.toEqual([]);
    await world.clock.until(lease.release());
    await world.clock.advance(10);
    expect(await world.leftovers(R)).toEqual([]);
  });

  it('a lock stays taken for minHoldMs after an early release, and no longer', async () => {
    const world = new VirtualWorld(3);
    const lease = await acquired(world, { minHoldMs: 1_000 });
    await world.clock.advance(100);
    await world.clock.until(lease.release());
    const other = world.manager();
    expect(await world.clock.until(other.tryAcquire(R))).toBeNull();
    await world.clock.advance(850);
    expect(await world.clock.until(other.tryAcquire(R))).toBeNull();
    await world.clock.advance(60);
    expect(await world.clock.until(other.tryAcquire(R))).not.toBeNull();
  });

  it('a lease tells its loss as soon as a blocked process runs again', async () => {
    const world = new VirtualWorld(3);
    const lease = await acquired(world);
    world.clock.freeze(10_000);
    expect(lease.remainingMs()).toBe(0);
    expect(() => lease.assertHeld()).toThrow(LeaseLostError);
    expect(lease.signal.reason).toMatchObject({ code: 'LEASE_LOST' });
  });

  it('a lease is lost as stalled if the timer is too late', async () => {
    const world = new VirtualWorld(3);
    const lease = await acquired(world);
    world.clock.freeze(10_000);
    await world.clock.advance(1);
    expect(lease.signal.reason).toMatchObject({ reason: 'stalled' });
  });

  it('if only the wall clock moved on, the nodes are asked, and the lease goes on if they agree', async () => {
    const world = new VirtualWorld(3);
    const lease = await acquired(world);
    world.clock.stepWall(3_600_000);
    expect(lease.remainingMs()).toBe(0);
    await world.clock.advance(1_010);
    expect(lease.remainingMs()).toBeGreaterThan(0);
    expect(lease.signal.aborted).toBe(false);
    world.clock.stepWall(-7_200_000);
    await world.clock.advance(10_000);
    expect(lease.signal.aborted).toBe(false);
  });

  it('release never rejects: not twice, and not while all nodes are gone', async () => {
    const world = new VirtualWorld(3);
    const lease = await acquired(world);
    for (const node of world.nodes) node.stop();
    await world.clock.until(Promise.all([lease.release(), lease.release()]));
    await world.clock.until(lease.release());
    expect(lease.signal.aborted).toBe(false);
    expect(() => lease.assertHeld()).toThrow('has been released');
    await expect(lease.extend()).rejects.toMatchObject({ reason: 'released' });
  });

  it('an extension that is on its way brings nothing back after the release', async () => {
    const world = new VirtualWorld(3);
    for (const node of world.nodes) node.behaviour = { requestMs: 20, replyMs: 20 };
    const lease = await acquired(world);
    const extending = lease.extend().catch((error: unknown) => error);
    await world.clock.advance(5);
    await world.clock.until(lease.release());
    expect(await world.clock.until(extending)).toMatchObject({ reason: 'released' });
    await world.clock.advance(1_000);
    expect(await world.leftovers(R)).toEqual([]);
    expect(lease.remainingMs()).toBe(0);
  });

  it('a node that was away during the release releases the key as soon as it is back', async () => {
    const world = new VirtualWorld(3);
    const lease = await acquired(world);
    world.nodes[1]!.down();
    await world.clock.until(lease.release());
    expect(await world.leftovers(R)).toHaveLength(1);
    world.nodes[1]!.up();
    await world.clock.advance(10);
    expect(await world.leftovers(R)).toEqual([]);
  });

  it('a lease can be logged as JSON, which does not go in circles, and goes on', async () => {
    const world = new VirtualWorld(3);
    const lease = await acquired(world);
    expect(JSON.parse(JSON.stringify({ lease }))).toEqual({ lease: lease.toJSON() });
    await world.clock.advance(6_000);
    lease.assertHeld();
  });

  it('extend refuses a TTL that is no whole number of milliseconds any more', async () => {
    const world = new VirtualWorld(3);
    const lease = await acquired(world);
    await expect(lease.extend(2 ** 53)).rejects.toThrow(
      'ttlMs must be an integer from 10 to 9007199254740991, got 9007199254740992',
    );
  });
});

describe('withLock', () => {
  it('withLock runs the routine under the lease and releases it, whatever the outcome', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const out = await world.clock.until(
      locks.withLock(R, async (lease) => {
        expect(currentLease()).toBe(lease);
        await Promise.resolve();
        return 'done';
      }),
    );
    expect(out).toBe('done');
    expect(currentLease()).toBeUndefined();
    const failure = new Error('of the routine');
    await expect(world.clock.until(locks.withLock(R, () => Promise.reject(failure)))).rejects.toBe(failure);
    expect(await world.leftovers(R)).toEqual([]);
  });

  it("withLock rejects with the routine's own error although the release fails as well", async () => {
    const world = new VirtualWorld(3);
    const failure = new Error('of the routine');
    const running = world.manager().withLock(R, () => {
      for (const node of world.nodes) node.stop();
      throw failure;
    });
    await expect(world.clock.until(running)).rejects.toBe(failure);
  });

  it('withLock rejects if the lease was lost before the routine ended', async () => {
    const world = new VirtualWorld(3);
    const running = world.manager().withLock(R, { ttlMs: 1_000 }, async () => {
      for (const node of world.nodes) node.stop();
      await new Promise<void>((resolve) => void world.clock.setTimer(resolve, 5_000));
      return 'success';
    });
    await expect(world.clock.until(running)).rejects.toBeInstanceOf(LeaseLostError);
  });

  it('withLock rejects if the routine blocked the process beyond the TTL', async () => {
    const world = new VirtualWorld(3);
    const running = world.manager().withLock(R, { ttlMs: 1_000 }, () => {
      world.clock.freeze(5_000);
      return 'success';
    });
    await expect(world.clock.until(running)).rejects.toBeInstanceOf(LeaseLostError);
  });

  it('withLock is re-entrant for the same resource, and for no other', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    await world.clock.until(
      locks.withLock([R, 'other'], async (outer) => {
        await locks.withLock(R, async (inner) => {
          expect(inner).toBe(outer);
          await locks.withLock('third', (third) => expect(third).not.toBe(outer));
        });
        expect(outer.remainingMs()).toBeGreaterThan(0);
        expect(await locks.tryAcquire(R)).toBeNull();
      }),
    );
    expect(await world.leftovers(R)).toEqual([]);
  });
});

describe('the fallback', () => {
  it('by default there is no fallback: without a majority there is no lock', async () => {
    const world = new VirtualWorld(3);
    for (const node of world.nodes) node.down();
    await expect(world.clock.until(world.manager().acquire(R))).rejects.toMatchObject({
      code: 'QUORUM_UNREACHABLE',
    });
  });

  it('the fallback locks within the process, warns, and ends when the nodes are back', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager({ fallback: 'memory' });
    for (const node of world.nodes) node.down();
    const lease = await world.clock.until(locks.acquire(R));
    expect(lease.fallback).toBe(true);
    expect(await world.clock.until(locks.tryAcquire(R))).toBeNull();
    expect(world.eventsOf('fallback')).toMatchObject([{ active: true }]);
    expect(world.warnings.join()).toContain('fallback');
    for (const node of world.nodes) node.up();
    // While the fallback holds it, this process does not get it from the nodes as well.
    expect(await world.clock.until(locks.tryAcquire(R))).toBeNull();
    await world.clock.until(lease.release());
    const next = await world.clock.until(locks.acquire(R));
    expect(next.fallback).toBe(false);
    expect(world.eventsOf('fallback').map(({ active }) => active)).toEqual([true, false]);
  });

  it('the fallback does not grant what this process still holds from the nodes', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager({ fallback: 'memory' });
    await world.clock.until(locks.acquire(R));
    for (const node of world.nodes) node.down();
    await expect(world.clock.until(locks.acquire(R))).rejects.toMatchObject({ code: 'QUORUM_UNREACHABLE' });
  });

  it('the fallback does not grant what was lost with the nodes while its holder has time to stop', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager({ fallback: 'memory' });
    const lease = await world.clock.until(locks.acquire(R, { ttlMs: 9_000 }));
    for (const node of world.nodes) node.down();
    await world.clock.until(new Promise((resolve) => lease.signal.addEventListener('abort', resolve)));
    await expect(world.clock.until(locks.acquire(R))).rejects.toMatchObject({ code: 'QUORUM_UNREACHABLE' });
    await world.clock.advance(9_000);
    expect((await world.clock.until(locks.acquire(R))).fallback).toBe(true);
  });

  it('if all nodes are in memory, every listener hears that the fallback is active', async () => {
    const world = new VirtualWorld(1);
    const locks = world.manager({ nodes: [new MemoryNode('memory', world.clock)] });
    expect(world.eventsOf('fallback')).toMatchObject([{ active: true }]);
    const lease = await world.clock.until(locks.acquire(R));
    expect(lease.fallback).toBe(true);
    expect(world.eventsOf('acquired')).toMatchObject([{ fallback: true }]);
  });
});

describe('inspect', () => {
  it('inspect says who holds a resource without acquiring it', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager({ holder: 'worker-a' });
    expect(await locks.inspect(R)).toMatchObject({ status: 'free', holder: undefined, remainingMs: 0 });
    const lease = await world.clock.until(locks.acquire(R));
    expect(await locks.inspect(R)).toMatchObject({
      status: 'held',
      holder: 'worker-a',
      counter: lease.token,
    });
    world.nodes[0]!.loseData();
    expect((await locks.inspect(R)).nodes.map(({ holder }) => holder)).toEqual([
      undefined,
      'worker-a',
      'worker-a',
    ]);
  });
});

describe('events', () => {
  it('a new listener hears the present state first', () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    locks.declare('hourly-task');
    locks.declare('hourly-task');
    const heard: string[] = [];
    locks.subscribe((event) => heard.push(event.type));
    expect(heard).toEqual(['declared', 'node', 'node', 'node', 'membership']);
  });

  it('a listener that throws becomes a warning, and the lock goes on', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    locks.subscribe(() => {
      throw new Error('of the listener');
    });
    const lease = await world.clock.until(locks.acquire(R));
    expect(lease.remainingMs()).toBeGreaterThan(0);
    expect(world.warnings.join()).toContain('of the listener');
  });
});
