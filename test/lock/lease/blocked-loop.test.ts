import { describe, expect, it } from '@jest/globals';
import {
  currentRun,
  LeaseLostError,
  LockManager,
  memoryNode,
  type CurrentRun,
  type Lease,
} from '../../../src/index.js';
import { LeaseScheduler } from '../../../src/lock/lease/lease-scheduler.js';
import { VirtualClock } from '../../support/virtual-clock.js';
import { VirtualWorld } from '../../support/virtual-world.js';

const R = 'invoice:7';
const OPTIONS = { ttlMs: 10_000, maxTtlMs: 10_000, nodeTimeoutMs: 250 };

/** What a method reads after its next await, which continues before any timer can fire. */
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

describe('an event loop that was blocked past the end of the lease', () => {
  it('lease.signal tells the loss to code that blocked the loop, after its next await', async () => {
    const { world, lease } = await blockedLease(10_000);
    expect(await afterAwait(() => lease.signal.aborted)).toBe(true);
    expect(lease.signal.reason).toBeInstanceOf(LeaseLostError);
    expect(lease.signal.reason).toMatchObject({ reason: 'stalled' });
    expect(world.eventsOf('lost')).toMatchObject([{ reason: 'stalled' }]);
  });

  it('remainingMs of a lease that ran out in a blocked loop is 0, and reading it ends the lease', async () => {
    const { world, lease } = await blockedLease(10_000);
    expect(await afterAwait(() => lease.remainingMs())).toBe(0);
    expect(world.eventsOf('lost')).toHaveLength(1);
    expect(lease.signal.aborted).toBe(true);
  });

  it('assertHeld throws for a lease that ran out in a blocked loop', async () => {
    const { lease } = await blockedLease(10_000);
    await expect(afterAwait(() => lease.assertHeld())).rejects.toMatchObject({ reason: 'stalled' });
    expect(lease.signal.aborted).toBe(true);
  });

  it('a blocked loop loses the lease although an extension was on its way', async () => {
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

  it('a loop that is blocked for less than the validity keeps its lease, which is extended when it turns', async () => {
    const { world, lease } = await blockedLease(9_000);
    expect(await afterAwait(() => lease.signal.aborted)).toBe(false);
    lease.assertHeld();
    await world.clock.advance(100);
    expect(lease.remainingMs()).toBeGreaterThan(9_000);
    expect(world.eventsOf('lost')).toEqual([]);
  });

  it('a signal that was read before the block aborts as soon as the loop turns', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager(OPTIONS);
    const { signal } = await world.clock.until(locks.acquire(R));
    world.clock.freeze(10_000);
    await world.clock.advance(0);
    expect(signal.aborted).toBe(true);
  });

  it('the event stalled says how late the scheduler was, and a normal delay is no event', async () => {
    const { world } = await blockedLease(5_000);
    await world.clock.advance(0);
    // The scheduler wakes once a second at least, so it was due within a second after the block began.
    const [stalled, ...more] = world.eventsOf('stalled');
    expect(stalled?.delayMs).toBeGreaterThanOrEqual(4_000);
    expect(stalled?.delayMs).toBeLessThanOrEqual(5_000);
    await world.clock.advance(2_000);
    world.clock.freeze(90);
    await world.clock.advance(2_000);
    expect(more.length + world.eventsOf('stalled').length).toBe(1);
  });

  it('the scheduler reports no delay of an item that was overdue when its timer was set', async () => {
    const clock = new VirtualClock();
    const delays: number[] = [];
    const scheduler = new LeaseScheduler(clock, (delayMs) => void delays.push(delayMs));
    scheduler.schedule({ due: undefined, dueIndex: 0, wake: () => undefined }, Number.NEGATIVE_INFINITY);
    await clock.advance(1_000);
    expect(delays).toEqual([]);
  });

  it('withLock rejects if its routine blocked the loop past the end of the lease, though it returned', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager(OPTIONS);
    const run = locks.withLock(R, () => {
      world.clock.freeze(10_000);
      return 'done';
    });
    await expect(world.clock.until(run)).rejects.toMatchObject({ code: 'LEASE_LOST', reason: 'stalled' });
  });

  it('the signal of a run tells the loss, too, also of a run inside another one or inside withLock', async () => {
    const told: boolean[] = [];
    const blocked = (read: () => CurrentRun | undefined, world: VirtualWorld): Promise<void> => {
      world.clock.freeze(10_000);
      return afterAwait(() => void told.push(read()!.signal.aborted));
    };
    const inWorld = async (act: (locks: LockManager, world: VirtualWorld) => Promise<unknown>) => {
      const world = new VirtualWorld(3);
      const done = act(world.manager(OPTIONS), world);
      await expect(world.clock.until(done)).rejects.toMatchObject({ code: 'LEASE_LOST' });
    };
    const job = { key: R, tick: 'manual', ttlMs: 10_000 } as const;
    await inWorld((locks, world) => locks.runOnce(job, (run) => blocked(() => run, world)));
    await inWorld((locks, world) => locks.runOnce(job, () => blocked(currentRun, world)));
    await inWorld((locks, world) =>
      locks.runOnce(job, () => locks.runOnce(job, (run) => blocked(() => run, world))),
    );
    await inWorld((locks, world) =>
      locks.withLock(R, () => locks.runOnce(job, (run) => blocked(() => run, world))),
    );
    expect(told).toEqual([true, true, true, true]);
  });

  it('a blocked loop loses a lease that reached maxHoldMs as max_hold', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager(OPTIONS);
    const lease = await world.clock.until(locks.acquire(R, { maxHoldMs: 10_000, ttlMs: 10_000 }));
    await world.clock.advance(9_000);
    world.clock.freeze(1_500);
    expect(lease.signal.reason).toMatchObject({ reason: 'max_hold' });
  });

  it('a loop that is really blocked, with the clock and timers of Node, loses its lease', async () => {
    await using locks = new LockManager({
      nodes: [memoryNode(), memoryNode({ name: 'b' }), memoryNode({ name: 'c' })],
      warn: () => undefined,
    });
    const ttlMs = 60;
    const lease = await locks.acquire(R, { ttlMs, nodeTimeoutMs: 20 });
    const kept = lease.signal;
    const end = performance.now() + 2 * ttlMs;
    while (performance.now() < end);
    // Settled promises continue before timers fire: a signal that was read before cannot have aborted yet.
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
