import { describe, expect, it } from '@jest/globals';
import type { LockManager } from '../../../src/index.js';
import { VirtualWorld } from '../../support/virtual-world.js';

const R = 'leader';
const OPTIONS = { ttlMs: 9_000, maxTtlMs: 9_000 } as const;

/** Tries to acquire the resource all the time, as the followers of a leader do. */
function rival(world: VirtualWorld): { stop: () => Promise<boolean>; locks: LockManager } {
  const locks = world.manager(OPTIONS);
  let stopped = false;
  const won = (async () => {
    while (!stopped) {
      if ((await locks.tryAcquire(R).catch(() => null)) !== null) return true;
      await new Promise<void>((resolve) => void world.clock.setTimer(resolve, 50));
    }
    return false;
  })();
  return {
    locks,
    stop: () => {
      stopped = true;
      return world.clock.until(won, 1_000);
    },
  };
}

describe('a lease that others try to acquire all the time', () => {
  it('a node that lost its data gets the key again, although a claimant was granted it there first', async () => {
    const world = new VirtualWorld(3);
    const leader = world.manager(OPTIONS);
    const lease = await world.clock.until(leader.acquire(R));
    const rivals = [rival(world), rival(world)];
    for (const node of world.nodes) {
      node.loseData();
      await world.clock.advance(9_000);
      expect(new Set(await world.owners(R)).size).toBe(1);
      lease.assertHeld();
    }
    expect(await Promise.all(rivals.map(({ stop }) => stop()))).toEqual([false, false]);
    expect(world.eventsOf('lost')).toEqual([]);
  });

  it('a node that missed the acquisition gets the key, so that the lease outlives another node', async () => {
    const world = new VirtualWorld(3);
    world.nodes[2]!.down();
    const leader = world.manager(OPTIONS);
    const lease = await world.clock.until(leader.acquire(R));
    const other = rival(world);
    world.nodes[2]!.up();
    await world.clock.advance(12_000);
    world.nodes[0]!.down();
    await world.clock.advance(30_000);
    lease.assertHeld();
    expect(await other.stop()).toBe(false);
  });

  it('a node that missed the acquisition gets the key at once when it votes, before others raise its counter', async () => {
    const world = new VirtualWorld(3);
    world.nodes[2]!.down();
    const lease = await world.clock.until(world.manager(OPTIONS).acquire(R));
    world.nodes[2]!.up();
    await world.clock.advance(20);
    world.nodes[0]!.down();
    const other = rival(world);
    await world.clock.advance(30_000);
    lease.assertHeld();
    expect(await other.stop()).toBe(false);
  });

  it('a node that comes back during an extension that it failed gets the key soon after', async () => {
    const world = new VirtualWorld(3);
    world.nodes[2]!.down();
    const lease = await world.clock.until(world.manager(OPTIONS).acquire(R));
    const extending = lease.extend();
    world.nodes[2]!.up();
    await world.clock.until(extending);
    await world.clock.advance(1_000);
    expect(new Set(await world.owners(R)).size).toBe(1);
  });

  it('a node that comes and goes causes few extensions, and none if it has the key', async () => {
    const world = new VirtualWorld(3);
    world.nodes[2]!.down();
    const lease = await world.clock.until(world.manager(OPTIONS).acquire(R));
    for (let round = 0; round < 1_000; round++) {
      world.nodes[2]!.setState({ status: 'ready' });
      await world.clock.advance(5);
      world.nodes[2]!.setState({ status: 'unreachable' });
      await world.clock.advance(5);
    }
    const extensions = () => world.eventsOf('extended').length;
    expect(extensions()).toBeGreaterThan(5);
    expect(extensions()).toBeLessThanOrEqual(13);
    world.nodes[2]!.up();
    await world.clock.advance(12_000);
    const before = extensions();
    for (let round = 0; round < 100; round++) {
      world.nodes[2]!.setState({ status: 'unreachable' });
      world.nodes[2]!.setState({ status: 'ready' });
      await world.clock.advance(10);
    }
    expect(extensions() - before).toBeLessThanOrEqual(1);
    await world.clock.until(lease.release());
    world.nodes[2]!.setState({ status: 'unreachable' });
    world.nodes[2]!.setState({ status: 'ready' });
    await world.clock.advance(10_000);
    expect(extensions() - before).toBeLessThanOrEqual(1);
  });

  it('a node that granted others gets the key, although another node lost its memory and granted them too', async () => {
    const world = new VirtualWorld(3);
    world.nodes[2]!.down();
    const lease = await world.clock.until(world.manager(OPTIONS).acquire(R));
    const others = [rival(world), rival(world)];
    await world.clock.advance(100);
    const [zero, , two] = world.nodes;
    zero!.loseData();
    zero!.quarantine('it lost its memory');
    two!.behaviour = { ...two!.behaviour, down: false };
    await world.clock.advance(1_000);
    two!.up();
    await world.clock.advance(30_000);
    lease.assertHeld();
    expect(await Promise.all(others.map(({ stop }) => stop()))).toEqual([false, false]);
  });

  it('a lease is lost as taken, and restored nowhere, if another holder had a majority in between', async () => {
    const world = new VirtualWorld(3);
    const leader = world.manager(OPTIONS);
    const lease = await world.clock.until(leader.acquire(R));
    // Beyond what is promised: two nodes lose their data at once, and virtual nodes have no quarantine.
    world.nodes[0]!.loseData();
    world.nodes[1]!.loseData();
    const second = await world.clock.until(world.manager(OPTIONS).acquire(R));
    expect(second.token).toBeGreaterThan(lease.token);
    await world.clock.until(second.release());
    await world.clock.advance(9_000);
    expect(lease.signal.reason).toMatchObject({ reason: 'taken' });
    await world.clock.until(lease.release());
    expect(await world.leftovers(R)).toEqual([]);
  });

  it('a lease that is released while a node gets its key again leaves nothing behind', async () => {
    for (let afterMs = 0; afterMs < 12; afterMs++) {
      const world = new VirtualWorld(3);
      const leader = world.manager(OPTIONS);
      const lease = await world.clock.until(leader.acquire(R));
      world.nodes[2]!.loseData();
      const passing = world.nodes[2]!;
      const tracker = { resources: [R], holderId: 'passing', deadlineAt: Number.POSITIVE_INFINITY };
      const granting = passing.vote({
        op: 'acquire',
        tokens: 1,
        ...tracker,
        ttlMs: 1_000,
        seed: 1e18,
        tick: undefined,
      });
      await world.clock.until(granting);
      await world.clock.until(
        passing.vote({ op: 'release', resources: [R], holderId: 'passing', keepMs: 0 }),
      );
      const extending = lease.extend();
      await world.clock.advance(afterMs);
      await world.clock.until(Promise.allSettled([lease.release(), extending]));
      await world.clock.advance(300);
      expect(await world.leftovers(R)).toEqual([]);
    }
  });
});
