import { expect, it } from '@jest/globals';
import type { Lease } from '../../src/index.js';
import { SCRIPTS } from '../../src/node/redis/protocol/scripts.js';
import { VirtualWorld } from '../support/virtual-world.js';

/**
 * Mistakes that other libraries make, by their numbers in test/faults/README.md, as far as virtual time shows
 * them.
 */
const R = 'invoice:7';
const HOUR = 3_600_000;

const acquired = (world: VirtualWorld, options = {}): Promise<Lease> =>
  world.clock.until(world.manager().acquire(R, { ttlMs: 3_000, ...options }));

it('a wall clock that is set back lengthens no lease, and one that is ahead takes none (trap 11)', async () => {
  const world = new VirtualWorld(3);
  const lease = await acquired(world, { autoExtend: false });
  const before = lease.remainingMs();
  world.clock.stepWall(-HOUR);
  expect(lease.remainingMs()).toBe(before);
  world.clock.stepWall(2 * HOUR);
  expect(await world.clock.until(world.manager().tryAcquire(R))).toBeNull();
  world.clock.stepWall(-2 * HOUR);
  await world.clock.advance(3_000);
  expect(lease.signal.aborted).toBe(true);
});

it('no token is handed out twice, whichever two of three nodes grant it to each of five holders (trap 14)', async () => {
  const places = [0, 1, 2];
  const runs = places.flatMap((a) => places.flatMap((b) => places.map((c) => [a, b, c, a, b])));
  for (const run of runs) {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    let last = 0;
    for (const away of run) {
      world.nodes.forEach((node, index) => (index === away ? node.down() : node.up()));
      const lease = await world.clock.until(locks.acquire(R));
      expect(lease.token).toBeGreaterThan(last);
      last = lease.token;
      await world.clock.until(lease.release());
    }
  }
});

it('an extension after the end of validity asks the nodes nothing and sets no key again (trap 15)', async () => {
  const world = new VirtualWorld(3);
  const lease = await acquired(world, { autoExtend: false });
  await world.clock.advance(3_500);
  const asked = world.nodes.map(({ log }) => log.length);
  await expect(lease.extend()).rejects.toMatchObject({ code: 'LEASE_LOST' });
  expect(world.nodes.map(({ log }) => log.length)).toEqual(asked);
  expect(await world.leftovers(R)).toEqual([]);
});

it('an extension that reaches the nodes after the end of validity sets no key again (trap 15)', async () => {
  const world = new VirtualWorld(3);
  const lease = await acquired(world, { autoExtend: false });
  await world.clock.advance(2_800);
  for (const node of world.nodes) node.stop();
  const extending = lease.extend().catch((error: unknown) => error);
  await world.clock.advance(3_000);
  for (const node of world.nodes) node.resume();
  await world.clock.until(extending);
  await world.clock.advance(10);
  expect(world.nodes.map(({ log }) => log.some(({ op }) => op === 'extend'))).toEqual([true, true, true]);
  expect(lease.signal.aborted).toBe(true);
  expect(await world.leftovers(R)).toEqual([]);
});

it('an extension shortens no key, not even on a minority (trap 22)', async () => {
  const world = new VirtualWorld(3);
  const lease = await acquired(world, { autoExtend: false });
  world.nodes[0]!.down();
  world.nodes[1]!.down();
  await expect(world.clock.until(lease.extend(300))).rejects.toMatchObject({ code: 'QUORUM_UNREACHABLE' });
  expect(await world.nodes[2]!.remainingMs(R)).toBeGreaterThan(2_000);
  expect(lease.remainingMs()).toBeLessThanOrEqual(await world.nodes[2]!.remainingMs(R));
});

it('extensions go on after a failure, and stop with the release and with the loss (trap 22)', async () => {
  for (const ending of ['release', 'loss'] as const) {
    const world = new VirtualWorld(3);
    const lease = await acquired(world);
    const extensions = (): number => world.nodes[0]!.log.filter(({ op }) => op === 'extend').length;
    world.nodes[1]!.down();
    world.nodes[2]!.down();
    await world.clock.advance(1_500);
    world.nodes[1]!.up();
    world.nodes[2]!.up();
    await world.clock.advance(10_000);
    lease.assertHeld();
    if (ending === 'release') await world.clock.until(lease.release());
    else {
      for (const node of world.nodes) node.down();
      await world.clock.advance(4_000);
      expect(lease.signal.aborted).toBe(true);
      for (const node of world.nodes) node.up();
    }
    const before = extensions();
    expect(before).toBeGreaterThan(3);
    await world.clock.advance(60_000);
    expect(extensions()).toBe(before);
    expect(await world.leftovers(R)).toEqual([]);
  }
});

it('the late release of the first attempt takes nothing from the second one (trap 23)', async () => {
  const world = new VirtualWorld(3);
  world.nodes[0]!.down();
  world.nodes[1]!.down();
  const acquiring = world.manager().acquire(R, { retries: 3, retryDelayMs: 50 });
  await world.clock.advance(20);
  world.nodes[0]!.up();
  const lease = await world.clock.until(acquiring);
  expect(lease.attempts).toBeGreaterThan(1);
  const [first] = world.nodes[2]!.log;
  const owners = await world.owners(R);
  for (const node of world.nodes.slice(0, 3)) {
    const late = { op: 'release', resources: [R], holderId: first!.holderId, keepMs: 0 } as const;
    await world.clock.until(node.vote(late));
  }
  expect(await world.owners(R)).toEqual(owners);
  expect(owners.filter((owner) => owner !== undefined).length).toBeGreaterThanOrEqual(2);
});

it("no client's wall time gets into an expiry: the scripts know durations only (trap 24)", () => {
  const texts = SCRIPTS.map(({ text }) => text).join('\n');
  expect(texts).toMatch(/'PX'/);
  expect(texts).not.toMatch(/PXAT|EXAT|EXPIREAT/i);
});
