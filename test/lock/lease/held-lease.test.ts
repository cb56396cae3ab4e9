import { describe, expect, it } from '@jest/globals';
import { currentLease, LeaseLostError, type Lease } from '../../../src/index.js';
import { MemoryNode } from '../../../src/node/memory/memory-node.js';
import { VirtualWorld } from '../../support/virtual-world.js';

const R = 'invoice:7';

const acquired = (world: VirtualWorld, options = {}, managerOptions = {}): Promise<Lease> =>
  world.clock.until(world.manager(managerOptions).acquire(R, { ttlMs: 3_000, ...options }));

/** The third node counts one holder more than the others, as after a round that another client lost, and is the slowest. */
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
  it('is extended for as long as it is held, at a third of its TTL, by one timer', async () => {
    const world = new VirtualWorld(3);
    const lease = await acquired(world);
    await world.clock.advance(60_000);
    expect(lease.signal.aborted).toBe(false);
    expect(lease.remainingMs()).toBeGreaterThan(1_900);
    const extensions = world.nodes[0]!.log.filter(({ op }) => op === 'extend').length;
    expect(extensions).toBeGreaterThanOrEqual(57);
    // Each may be earlier or later by a sixty-fourth of the TTL, to go with those of other leases.
    expect(extensions).toBeLessThanOrEqual(63);
    await world.clock.until(lease.release());
    expect(await world.leftovers(R)).toEqual([]);
    await world.clock.advance(1_000);
    expect(world.clock.timers).toBe(0);
  });

  it('is lost before its keys can expire when a majority is stopped, and says why', async () => {
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

  it('survives one failure on a majority: the extension is tried again while validity is left', async () => {
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

  it('is not given up by a failed extension, and not shortened by a short one', async () => {
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

  it('sets a key again that a node lost with all its data, and survives all nodes losing it one after the other', async () => {
    const world = new VirtualWorld(3);
    const lease = await acquired(world);
    for (const node of world.nodes) {
      node.loseData();
      await world.clock.advance(2_500);
      expect(await node.owner(R)).toBeDefined();
    }
    expect(lease.signal.aborted).toBe(false);
  });

  it('is carried on by a node whose counter was ahead of the token, when another one dies', async () => {
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

  it('recovers within its validity when such a node is needed at once', async () => {
    const world = await worldWithANodeAhead();
    const lease = await acquired(world);
    world.nodes[0]!.down();
    await world.clock.advance(10_000);
    expect(lease.signal.aborted).toBe(false);
  });

  it('is lost at once, as taken, when a majority has another holder', async () => {
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

  it('goes on when a claimant only passed by on a majority, while it lost its round', async () => {
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

  it('ends by itself where it is not extended', async () => {
    const world = new VirtualWorld(3);
    const lease = await acquired(world, { autoExtend: false });
    await world.clock.advance(2_800);
    expect(lease.signal.aborted).toBe(false);
    await world.clock.advance(200);
    expect(lease.signal.reason).toMatchObject({ reason: 'not_extended' });
  });

  it('ends at maxHoldMs, extended or not', async () => {
    const world = new VirtualWorld(3);
    const lease = await acquired(world, { maxHoldMs: 10_000 });
    await world.clock.advance(9_990);
    expect(lease.signal.aborted).toBe(false);
    await world.clock.advance(20);
    expect(lease.signal.reason).toMatchObject({ reason: 'max_hold' });
    // The holder is told, and keeps the others out until it has stopped, or its keys have expired.
    await world.clock.advance(100);
    expect(await world.leftovers(R)).not.toEqual([]);
    await world.clock.until(lease.release());
    await world.clock.advance(10);
    expect(await world.leftovers(R)).toEqual([]);
  });

  it('stays taken for minHoldMs after an early release, and no longer', async () => {
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

  it('tells its loss the moment a blocked process runs again', async () => {
    const world = new VirtualWorld(3);
    const lease = await acquired(world);
    world.clock.freeze(10_000);
    expect(lease.remainingMs()).toBe(0);
    expect(() => lease.assertHeld()).toThrow(LeaseLostError);
    expect(lease.signal.reason).toMatchObject({ code: 'LEASE_LOST' });
  });

  it('is reported as stalled when the timer comes too late', async () => {
    const world = new VirtualWorld(3);
    const lease = await acquired(world);
    world.clock.freeze(10_000);
    await world.clock.advance(1);
    expect(lease.signal.reason).toMatchObject({ reason: 'stalled' });
  });

  it('asks the nodes when only the wall clock moved on, and goes on if they agree', async () => {
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

  it('can be released twice, after its loss, and while all nodes are gone, without an error', async () => {
    const world = new VirtualWorld(3);
    const lease = await acquired(world);
    for (const node of world.nodes) node.stop();
    await world.clock.until(Promise.all([lease.release(), lease.release()]));
    await world.clock.until(lease.release());
    expect(lease.signal.aborted).toBe(false);
    expect(() => lease.assertHeld()).toThrow('has been released');
    await expect(lease.extend()).rejects.toMatchObject({ reason: 'released' });
  });

  it('is released for good: an extension under way brings nothing back', async () => {
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

  it('is taken off a node that was away during the release, as soon as it is back', async () => {
    const world = new VirtualWorld(3);
    const lease = await acquired(world);
    world.nodes[1]!.down();
    await world.clock.until(lease.release());
    expect(await world.leftovers(R)).toHaveLength(1);
    world.nodes[1]!.up();
    await world.clock.advance(10);
    expect(await world.leftovers(R)).toEqual([]);
  });

  it('refuses a TTL that no lock may have', async () => {
    const world = new VirtualWorld(3);
    const lease = await acquired(world);
    await expect(lease.extend(60_001)).rejects.toThrow(
      'ttlMs must be an integer from 10 to 60000, got 60001',
    );
  });
});

describe('withLock', () => {
  it('runs the routine under the lease and releases it, whatever the outcome', async () => {
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

  it("keeps the routine's own error although the release fails as well", async () => {
    const world = new VirtualWorld(3);
    const failure = new Error('of the routine');
    const running = world.manager().withLock(R, () => {
      for (const node of world.nodes) node.stop();
      throw failure;
    });
    await expect(world.clock.until(running)).rejects.toBe(failure);
  });

  it('does not report success when the lease was lost before the routine ended', async () => {
    const world = new VirtualWorld(3);
    const running = world.manager().withLock(R, { ttlMs: 1_000 }, async () => {
      for (const node of world.nodes) node.stop();
      await new Promise<void>((resolve) => void world.clock.setTimer(resolve, 5_000));
      return 'success';
    });
    await expect(world.clock.until(running)).rejects.toBeInstanceOf(LeaseLostError);
  });

  it('does not report success when the routine blocked the process beyond the TTL', async () => {
    const world = new VirtualWorld(3);
    const running = world.manager().withLock(R, { ttlMs: 1_000 }, () => {
      world.clock.freeze(5_000);
      return 'success';
    });
    await expect(world.clock.until(running)).rejects.toBeInstanceOf(LeaseLostError);
  });

  it('is re-entrant for the same resource, and for no other', async () => {
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
  it('is off by default: without a quorum there is no lock', async () => {
    const world = new VirtualWorld(3);
    for (const node of world.nodes) node.down();
    await expect(world.clock.until(world.manager().acquire(R))).rejects.toMatchObject({
      code: 'QUORUM_UNREACHABLE',
    });
  });

  it('locks within the process, loudly, and tells when the nodes are back', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager({ fallback: 'memory' });
    for (const node of world.nodes) node.down();
    const lease = await world.clock.until(locks.acquire(R));
    expect(lease.fallback).toBe(true);
    expect(await world.clock.until(locks.tryAcquire(R))).toBeNull();
    expect(world.eventsOf('fallback')).toMatchObject([{ active: true }]);
    expect(world.warnings.join()).toContain('fallback');
    for (const node of world.nodes) node.up();
    // While it is held here, the nodes do not grant it to this process a second time.
    expect(await world.clock.until(locks.tryAcquire(R))).toBeNull();
    await world.clock.until(lease.release());
    const next = await world.clock.until(locks.acquire(R));
    expect(next.fallback).toBe(false);
    expect(world.eventsOf('fallback').map(({ active }) => active)).toEqual([true, false]);
  });

  it('does not grant here what this process still holds from the nodes', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager({ fallback: 'memory' });
    await world.clock.until(locks.acquire(R));
    for (const node of world.nodes) node.down();
    await expect(world.clock.until(locks.acquire(R))).rejects.toMatchObject({ code: 'QUORUM_UNREACHABLE' });
  });

  it('is told to everybody who listens when all nodes are in memory', async () => {
    const world = new VirtualWorld(1);
    const locks = world.manager({ nodes: [new MemoryNode('memory', world.clock)] });
    expect(world.eventsOf('fallback')).toMatchObject([{ active: true }]);
    const lease = await world.clock.until(locks.acquire(R));
    expect(lease.fallback).toBe(true);
    expect(world.eventsOf('acquired')).toMatchObject([{ fallback: true }]);
  });
});

describe('inspect', () => {
  it('tells who holds a resource without acquiring it', async () => {
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
  it('tell a new listener the present first', () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    locks.declare('hourly-task');
    locks.declare('hourly-task');
    const heard: string[] = [];
    locks.subscribe((event) => heard.push(event.type));
    expect(heard).toEqual(['declared', 'node', 'node', 'node']);
  });

  it('survive a listener that throws', async () => {
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
