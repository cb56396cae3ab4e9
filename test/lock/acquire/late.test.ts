import { describe, expect, it } from '@jest/globals';
import { QuorumUnreachableError, type LeaseJson } from '../../../src/index.js';
import { VirtualWorld } from '../../support/virtual-world.js';

const R = 'invoice:7';

describe('requests that come too late', () => {
  it('acquire makes another round if its requests came too late because this process stood still', async () => {
    const world = new VirtualWorld(3);
    const acquiring = world.manager().acquire(R);
    await world.clock.advance(0);
    world.clock.freeze(300);
    const lease = await world.clock.until(acquiring);
    expect(lease.attempts).toBe(1);
    expect(await world.owners(R)).toHaveLength(3);
    await world.clock.until(lease.release());
    expect(await world.leftovers(R)).toEqual([]);
  });

  it('acquire is granted though its requests come too late again and again', async () => {
    const world = new VirtualWorld(3);
    const acquiring = world.manager().acquire(R);
    for (let times = 0; times < 9; times++) {
      await world.clock.advance(0.5);
      world.clock.freeze(300);
    }
    const lease = await world.clock.until(acquiring);
    expect(lease.attempts).toBe(1);
    await world.clock.until(lease.release());
    expect(await world.leftovers(R)).toEqual([]);
  });

  it('acquire gives up when all of eleven rounds came too late', async () => {
    const world = new VirtualWorld(3);
    const acquiring = world.manager().acquire(R);
    const failure = expect(acquiring).rejects.toThrow(QuorumUnreachableError);
    for (let times = 0; times < 100; times++) {
      await world.clock.advance(0.5);
      world.clock.freeze(300);
    }
    await failure;
    expect(world.nodes[0]!.log.filter(({ op }) => op === 'acquire')).toHaveLength(11);
    await world.clock.advance(500);
    expect(await world.leftovers(R)).toEqual([]);
  });

  describe.each([true, false])('adopt, of a lease that was transferred: %p', (transferred) => {
    const offered = async (world: VirtualWorld): Promise<LeaseJson> => {
      const lease = await world.clock.until(world.manager().acquire(R, { ttlMs: 3_000 }));
      return transferred ? world.clock.until(lease.transfer()) : lease.toJSON();
    };

    it('asks again if its requests came too late', async () => {
      const world = new VirtualWorld(3);
      const adopting = world.manager().adopt(await offered(world));
      await world.clock.advance(0);
      world.clock.freeze(300);
      const adopted = await world.clock.until(adopting);
      adopted.assertHeld();
      await world.clock.until(adopted.release());
      expect(await world.leftovers(R)).toEqual([]);
    });

    it('keeps what it took in time, and counts from its first request', async () => {
      const world = new VirtualWorld(3);
      const json = await offered(world);
      const [first, second, last] = world.nodes;
      second!.behaviour = { requestMs: 5, replyMs: 1 };
      last!.down();
      const adopting = world.manager().adopt(json, { ttlMs: 2_000, autoExtend: false });
      await world.clock.advance(2);
      const taken = await first!.remainingMs(R);
      world.clock.freeze(300);
      const adopted = await world.clock.until(adopting);
      expect(new Set(await world.owners(R)).has(adopted.holderId)).toBe(true);
      if (transferred) expect(adopted.remainingMs()).toBeLessThan(taken - 300);
      expect(adopted.remainingMs()).toBeLessThan(await first!.remainingMs(R));
    });

    it('gives up when all of eleven rounds came too late', async () => {
      const world = new VirtualWorld(3);
      const adopting = world.manager().adopt(await offered(world));
      const failure = expect(adopting).rejects.toThrow(QuorumUnreachableError);
      for (let times = 0; times < 100; times++) {
        await world.clock.advance(0.5);
        world.clock.freeze(300);
      }
      await failure;
      expect(world.nodes[0]!.log.filter(({ op }) => op === 'acquire')).toHaveLength(1 + 11);
    });
  });
});

describe('a process that stands still', () => {
  it.each([
    ['is granted', 100],
    ['fails', 900],
  ])('an acquisition %s if nodes answer %d ms after most of their time was lost', async (outcome, ms) => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    await world.clock.until(locks.acquire('warm'));
    for (const node of world.nodes) node.stop();
    const acquired = locks.acquire(R).then(
      () => 'is granted',
      () => 'fails',
    );
    await world.clock.advance(1);
    world.clock.freeze(240);
    // The node timeout is over on time, as far as a single timer can tell.
    await world.clock.advance(ms);
    for (const node of world.nodes) node.resume();
    expect(await world.clock.until(acquired)).toBe(outcome);
    await world.clock.until(locks.close());
  });

  it('an acquisition is tried again if the validity of its grants is over when they are read', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    await world.clock.until(locks.acquire('warm'));
    for (const node of world.nodes) node.stop();
    const acquiring = locks.acquire(R, { ttlMs: 1_000 });
    await world.clock.advance(1);
    for (const node of world.nodes) node.resume();
    world.clock.freeze(1_000);
    const lease = await world.clock.until(acquiring);
    expect(lease.attempts).toBe(1);
    expect(lease.remainingMs()).toBeGreaterThan(900);
    await world.clock.until(locks.close());
  });
});
