import { describe, expect, it } from '@jest/globals';
import { LeaseLostError, LockManager, memoryNode } from '../../src/index.js';
import { VirtualWorld } from '../support/virtual-world.js';

/** Long enough to be told from a close that did not wait. */
const DRAIN_MS = 60_000;

describe('close() inside withLock', () => {
  it('does not wait for the lease of the code that calls it', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const closedAfterMs = locks.withLock('a', async (lease) => {
      const calledAt = world.clock.now();
      await locks.close({ drainMs: DRAIN_MS });
      expect(lease.signal.aborted).toBe(false);
      return world.clock.now() - calledAt;
    });
    expect(await world.clock.until(closedAfterMs)).toBe(0);
    // The rest follows: the lease is released as ever, and then the connections are closed.
    await world.clock.until(locks.close());
    expect(await world.leftovers('a')).toEqual([]);
    expect(world.eventsOf('lost')).toEqual([]);
    expect(world.eventsOf('node').at(-1)?.node.status).toBe('closed');
  });

  it('waits for the leases of others, as long as drainMs', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const other = await world.clock.until(locks.acquire('b'));
    const closing = locks.withLock('a', async () => {
      await locks.close({ drainMs: DRAIN_MS });
      return world.clock.now();
    });
    await world.clock.advance(1_000);
    const releasedAt = world.clock.now();
    void other.release();
    expect(await world.clock.until(closing)).toBe(releasedAt);
  });

  it('in a nested run it does not wait for the outer runs', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const closing = locks.withLock('a', () =>
      locks.withLock('b', () =>
        locks.withLock('a', async () => {
          const calledAt = world.clock.now();
          await locks.close({ drainMs: DRAIN_MS });
          return world.clock.now() - calledAt;
        }),
      ),
    );
    expect(await world.clock.until(closing)).toBe(0);
    await world.clock.until(locks.close());
  });

  it('does not wait for its own lease if another call closes the manager already', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    let close = (): void => undefined;
    const closing = locks.withLock('a', async () => {
      await new Promise<void>((resolve) => (close = resolve));
      await locks.close();
      return 'closed';
    });
    await world.clock.advance(100);
    const outside = locks.close({ drainMs: DRAIN_MS });
    close();
    expect(await world.clock.until(closing, 1_000)).toBe('closed');
    await world.clock.until(outside, 1_000);
  });

  it('ends its own lease after drainMs, and at once without drainMs', async () => {
    for (const drainMs of [0, 1_000]) {
      const world = new VirtualWorld(3);
      const locks = world.manager();
      const run = locks.withLock('a', async (lease) => {
        await locks.close({ drainMs });
        await new Promise<void>((resolve) => {
          if (lease.signal.aborted) resolve();
          else lease.signal.addEventListener('abort', () => resolve());
        });
      });
      const calledAt = world.clock.now();
      await expect(world.clock.until(run)).rejects.toThrow(LeaseLostError);
      expect(world.clock.now() - calledAt).toBeGreaterThanOrEqual(drainMs);
      expect(world.clock.now() - calledAt).toBeLessThan(drainMs + 100);
    }
  });

  it('waits for the lease of another manager', async () => {
    const world = new VirtualWorld(3);
    const [locks, others] = [world.manager(), world.manager()];
    const lease = await world.clock.until(others.acquire('b'));
    let closed = false;
    const closing = locks.withLock('a', async () => {
      await others.close({ drainMs: DRAIN_MS });
      closed = true;
    });
    await world.clock.advance(1_000);
    expect(closed).toBe(false);
    await world.clock.until(Promise.all([lease.release(), closing]));
  });
});

it('close() is quick with many leases held', async () => {
  const locks = new LockManager({ nodes: [memoryNode()] });
  await Promise.all(Array.from({ length: 20_000 }, (_, index) => locks.acquire(`r${index}`)));
  await locks.close({ drainMs: 1 });
  expect(locks.closed).toBe(true);
});
