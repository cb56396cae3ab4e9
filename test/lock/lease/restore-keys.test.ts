import { describe, expect, it } from '@jest/globals';
import type { LockManager } from '../../../src/index.js';
import { VirtualWorld } from '../../support/virtual-world.js';

const R = 'leader';
const OPTIONS = { ttlMs: 9_000, maxTtlMs: 9_000 } as const;

/** Asks for the resource all the time, as the followers of a leader do. */
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

describe('a lease that others ask for all the time', () => {
  it('is put back on a node that lost its data, although a claimant was granted it there first', async () => {
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

  it('gets the vote of a node that missed the acquisition, so that it outlives one of the others', async () => {
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

  it('takes in a node that missed the acquisition as soon as it votes again, before others raise its counter', async () => {
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

  it('does so too where the node comes while an extension is under way that it failed', async () => {
    const world = new VirtualWorld(3);
    world.nodes[2]!.down();
    const lease = await world.clock.until(world.manager(OPTIONS).acquire(R));
    const extending = lease.extend();
    world.nodes[2]!.up();
    await world.clock.until(extending);
    await world.clock.advance(1_000);
    expect(new Set(await world.owners(R)).size).toBe(1);
  });

  it('is extended for a node that flaps no more often than after a failure, and for one that it is on not at all', async () => {
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

  it('gets the vote of a node that others were granted meanwhile, where another lost its memory and they were granted that as well', async () => {
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

  it('is told as taken, and put back nowhere, where another held it on a majority in between', async () => {
    const world = new VirtualWorld(3);
    const leader = world.manager(OPTIONS);
    const lease = await world.clock.until(leader.acquire(R));
    // Beyond the promise: two nodes lose their data at once, and these nodes know no quarantine.
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

  it('leaves nothing behind where it is released while a node is given its key again', async () => {
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
