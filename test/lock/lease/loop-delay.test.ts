import { describe, expect, it } from '@jest/globals';
import { VirtualWorld } from '../../support/virtual-world.js';

const R = 'invoice:7';

const delaysIn = (world: VirtualWorld): number[] => world.eventsOf('stalled').map(({ delayMs }) => delayMs);

/** The scheduler sleeps a second at most, so its timer for a new lease of 30 s is due in a second. */
const SLEEP_MS = 1_000;

describe('the event stalled', () => {
  it('stalled is emitted once, with the delay, when the loop turns', async () => {
    const world = new VirtualWorld(3);
    await world.clock.until(world.manager().acquire(R, { ttlMs: 30_000 }));
    world.clock.freeze(SLEEP_MS + 3_000);
    await world.clock.advance(0);
    const [delayMs, ...more] = delaysIn(world);
    expect(delayMs).toBeGreaterThanOrEqual(2_990);
    expect(delayMs).toBeLessThanOrEqual(3_010);
    await world.clock.advance(20_000);
    expect(more).toEqual([]);
    expect(delaysIn(world)).toHaveLength(1);
  });

  it('stalled is not emitted while the loop turns, however many leases are extended', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    for (const resource of ['a', 'b', 'c']) {
      await world.clock.until(locks.acquire(resource, { ttlMs: 3_000 }));
      await world.clock.advance(310);
    }
    await world.clock.advance(60_000);
    expect(world.eventsOf('extended').length).toBeGreaterThan(100);
    expect(delaysIn(world)).toEqual([]);
  });

  it('stalled is emitted for delays shorter than the TTL as well, but not below 100 ms', async () => {
    const world = new VirtualWorld(3);
    await world.clock.until(world.manager().acquire(R, { ttlMs: 30_000 }));
    world.clock.freeze(SLEEP_MS + 90);
    await world.clock.advance(0);
    expect(delaysIn(world)).toEqual([]);
    world.clock.freeze(SLEEP_MS + 110);
    await world.clock.advance(0);
    expect(delaysIn(world)).toHaveLength(1);
    expect(world.eventsOf('lost')).toEqual([]);
  });

  it('stalled is emitted if the last lease is released before the loop turns', async () => {
    const world = new VirtualWorld(3);
    const lease = await world.clock.until(world.manager().acquire(R, { ttlMs: 30_000 }));
    world.clock.freeze(SLEEP_MS + 3_000);
    await world.clock.until(lease.release());
    expect(delaysIn(world)).toHaveLength(1);
    await world.clock.advance(5_000);
    expect(delaysIn(world)).toHaveLength(1);
    expect(world.clock.timers).toBe(0);
  });

  it('stalled is emitted before the loss that it caused', async () => {
    const world = new VirtualWorld(3);
    const lease = await world.clock.until(world.manager().acquire(R, { ttlMs: 3_000 }));
    world.clock.freeze(10_000);
    expect(lease.signal.aborted).toBe(true);
    const told = world.events.map(({ type }) => type).filter((type) => type === 'stalled' || type === 'lost');
    expect(told).toEqual(['stalled', 'lost']);
  });

  it('stalled is not emitted for what was overdue when the timer was set', async () => {
    const world = new VirtualWorld(3);
    const lease = await world.clock.until(world.manager().acquire(R, { ttlMs: 3_000, nodeTimeoutMs: 1_000 }));
    for (const node of world.nodes) node.behaviour = { requestMs: 1, replyMs: 600 };
    // A third of this TTL is over before the answers are in, so the next extension is due at once.
    await world.clock.until(lease.extend(100));
    await world.clock.advance(500);
    expect(lease.remainingMs()).toBeGreaterThan(0);
    expect(delaysIn(world)).toEqual([]);
  });
});
