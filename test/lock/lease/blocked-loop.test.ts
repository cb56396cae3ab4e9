import { describe, expect, it } from '@jest/globals';
import { LeaseLostError, LockManager, memoryNode, type Lease } from '../../../src/index.js';
import { LeaseScheduler } from '../../../src/lock/lease/lease-scheduler.js';
import { VirtualClock } from '../../support/virtual-clock.js';
import { VirtualWorld } from '../../support/virtual-world.js';

const R = 'invoice:7';
const OPTIONS = { ttlMs: 10_000, maxTtlMs: 10_000, nodeTimeoutMs: 250 };

/** What the method reads after its next await, which goes on before any timer can fire. */
const afterAwait = async <T>(read: () => T): Promise<T> => {
  await Promise.resolve();
  return read();
};

async function blockedLease(forMs: number): Promise<{ world: VirtualWorld; lease: Lease }> {
  const world = new VirtualWorld(3);
  const locks = world.manager(OPTIONS);
  const lease = await world.clock.until(locks.acquire(R));
  world.clock.freeze(forMs);
  return { world, lease };
}

describe('a section that blocked the event loop past the end of the lease', () => {
  it('is told of the loss by lease.signal before its next await goes on', async () => {
    const { world, lease } = await blockedLease(10_000);
    expect(await afterAwait(() => lease.signal.aborted)).toBe(true);
    expect(lease.signal.reason).toBeInstanceOf(LeaseLostError);
    expect(lease.signal.reason).toMatchObject({ reason: 'stalled' });
    expect(world.eventsOf('lost')).toMatchObject([{ reason: 'stalled' }]);
  });

  it('is told of it by remainingMs, which ends the lease', async () => {
    const { world, lease } = await blockedLease(10_000);
    expect(await afterAwait(() => lease.remainingMs())).toBe(0);
    expect(world.eventsOf('lost')).toHaveLength(1);
    expect(lease.signal.aborted).toBe(true);
  });

  it('is told of it by assertHeld', async () => {
    const { lease } = await blockedLease(10_000);
    await expect(afterAwait(() => lease.assertHeld())).rejects.toMatchObject({ reason: 'stalled' });
    expect(lease.signal.aborted).toBe(true);
  });

  it('is told of it while an extension was under way, whose answers nobody could read', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager(OPTIONS);
    const lease = await world.clock.until(locks.acquire(R));
    const landed = lease.extend();
    world.clock.freeze(10_000);
    expect(lease.signal.aborted).toBe(true);
    await expect(world.clock.until(landed)).rejects.toBeInstanceOf(LeaseLostError);
    await world.clock.advance(1_000);
    expect(await world.leftovers(R)).toEqual([]);
    expect(world.eventsOf('lost')).toHaveLength(1);
  });

  it('keeps its lease where it was shorter than that, and the lease is extended when the loop turns', async () => {
    const { world, lease } = await blockedLease(9_000);
    expect(await afterAwait(() => lease.signal.aborted)).toBe(false);
    lease.assertHeld();
    await world.clock.advance(100);
    expect(lease.remainingMs()).toBeGreaterThan(9_000);
    expect(world.eventsOf('lost')).toEqual([]);
  });

  it('hears of it by a signal that it read before as soon as the loop turns', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager(OPTIONS);
    const { signal } = await world.clock.until(locks.acquire(R));
    world.clock.freeze(10_000);
    await world.clock.advance(0);
    expect(signal.aborted).toBe(true);
  });

  it('is told by how much the keeper was late, and of everyday delays nothing', async () => {
    const { world } = await blockedLease(5_000);
    await world.clock.advance(0);
    // The keeper looks once a second at least: when the block began, it was due within that time.
    const [stalled, ...more] = world.eventsOf('stalled');
    expect(stalled?.delayMs).toBeGreaterThanOrEqual(4_000);
    expect(stalled?.delayMs).toBeLessThanOrEqual(5_000);
    await world.clock.advance(2_000);
    world.clock.freeze(90);
    await world.clock.advance(2_000);
    expect(more.length + world.eventsOf('stalled').length).toBe(1);
  });

  it('tells no delay of what was overdue before its timer was set', async () => {
    const clock = new VirtualClock();
    const delays: number[] = [];
    const scheduler = new LeaseScheduler(clock, (delayMs) => void delays.push(delayMs));
    scheduler.schedule({ due: undefined, wake: () => undefined }, Number.NEGATIVE_INFINITY);
    await clock.advance(1_000);
    expect(delays).toEqual([]);
  });

  it('does not report success: withLock rejects though the routine returned', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager(OPTIONS);
    const run = locks.withLock(R, () => {
      world.clock.freeze(10_000);
      return 'done';
    });
    await expect(world.clock.until(run)).rejects.toMatchObject({ code: 'LEASE_LOST', reason: 'stalled' });
  });

  it('hears of the end of maxHoldMs in the same way', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager(OPTIONS);
    const lease = await world.clock.until(locks.acquire(R, { maxHoldMs: 10_000, ttlMs: 10_000 }));
    await world.clock.advance(9_000);
    world.clock.freeze(1_500);
    expect(lease.signal.reason).toMatchObject({ reason: 'max_hold' });
  });

  it('is really blocked: with the clock and the timers of Node', async () => {
    await using locks = new LockManager({
      nodes: [memoryNode(), memoryNode({ name: 'b' }), memoryNode({ name: 'c' })],
      warn: () => undefined,
    });
    const ttlMs = 60;
    const lease = await locks.acquire(R, { ttlMs, nodeTimeoutMs: 20 });
    const kept = lease.signal;
    const end = performance.now() + 2 * ttlMs;
    while (performance.now() < end);
    // Promises that are settled go on before timers: a signal that was read before cannot have been told yet.
    const seen = await afterAwait(() => ({ kept: kept.aborted, read: lease.signal.aborted }));
    expect(seen).toEqual({ kept: false, read: true });
    expect(kept.aborted).toBe(true);
    await expect(
      locks.withLock(R, { ttlMs, nodeTimeoutMs: 20 }, () => {
        const until = performance.now() + 2 * ttlMs;
        while (performance.now() < until);
      }),
    ).rejects.toBeInstanceOf(LeaseLostError);
  });
});
