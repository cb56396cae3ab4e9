import { expect, it } from '@jest/globals';
import { LeaseLostError, LockManager, type Lease } from '../../../src/index.js';
import { SharedLease } from '../../../src/lock/stall/shared-lease.js';
import type { StallMessage, StallThread } from '../../../src/lock/stall/stall-guard.js';
import { VirtualWorld } from '../../support/virtual-world.js';

const R = 'leader';
const TTL_MS = 3_000;

/** A lease, and the memory through which the worker thread tells what it extended. */
async function begin(world: VirtualWorld): Promise<{ lease: Lease; shared: SharedLease }> {
  let shared: SharedLease | undefined;
  const thread: StallThread = {
    postMessage: (message: StallMessage) => {
      if ('memory' in message) shared = new SharedLease(message.memory);
    },
    on: () => undefined,
    unref: () => undefined,
    terminate: () => Promise.resolve(),
  };
  const options = { nodes: world.nodes, maxStallMs: 60_000, warn: () => undefined };
  const ports = { clock: world.clock, random: () => 0.5, startThread: () => thread };
  const locks = new LockManager(options, ports);
  locks.subscribe((event) => void world.events.push(event));
  const lease = await world.clock.until(locks.acquire(R, { ttlMs: TTL_MS }));
  return { lease, shared: shared! };
}

it('what the worker thread extended while the loop was blocked prolongs the lease', async () => {
  const world = new VirtualWorld(3);
  const { lease, shared } = await begin(world);
  world.clock.freeze(2_000);
  shared.recordExtension(world.clock.stamp());
  world.clock.freeze(2_000);
  expect(lease.signal.aborted).toBe(false);
  expect(lease.remainingMs()).toBeGreaterThan(900);
});

it('a lease that ends is over for the worker thread at once, before its keys are released', async () => {
  const world = new VirtualWorld(3);
  const { lease, shared } = await begin(world);
  expect(shared.validUntil).toBeGreaterThan(world.clock.now());
  const releasing = lease.release();
  expect(shared.validUntil).toBeUndefined();
  expect(world.nodes.flatMap(({ log }) => log.filter(({ op }) => op === 'release'))).toEqual([]);
  await world.clock.until(releasing);
  expect(await world.leftovers(R)).toEqual([]);
});

it('what the worker thread extended proves nothing once keys were set again and the machine slept', async () => {
  const world = new VirtualWorld(3);
  const { lease, shared } = await begin(world);
  // The last extension fails on two nodes.
  for (const node of world.nodes.slice(0, 2)) node.down();
  await world.clock.advance(1_100);
  expect(world.eventsOf('extended').map(({ outcome }) => outcome)).toEqual(['failed']);
  // The machine sleeps for longer than the keys live: somebody else may hold the lock meanwhile.
  world.clock.stepWall(10 * TTL_MS);
  for (const node of world.nodes) node.loseData();
  for (const node of world.nodes.slice(0, 2)) node.up();
  // The next extension sets the keys again. Now the worker thread extends them, on a majority.
  await world.clock.advance(600);
  expect(await world.leftovers(R)).toHaveLength(3);
  shared.recordExtension(world.clock.stamp());
  await world.clock.advance(100);
  expect(lease.remainingMs()).toBe(0);
  expect(() => lease.assertHeld()).toThrow(LeaseLostError);
  await world.clock.advance(TTL_MS);
  expect(lease.signal.aborted).toBe(true);
});
