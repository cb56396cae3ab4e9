// slow: claimants in 1,800 virtual worlds.
import { describe, expect, it } from '@jest/globals';
import { LockManager, LockNotAcquiredError } from '../../../src/index.js';
import { farOff, lehmer } from '../../support/far-off.js';
import { VirtualWorld } from '../../support/virtual-world.js';

const R = 'invoice:7';
const WORLDS = 300;
const CLAIMANTS = 4;
const CALLS = 6;
/** How long a key may be on a node before its lease begins, and after it ended: two delays. */
const ON_THE_WAY_MS = 25;

interface Interval {
  readonly from: number;
  readonly to: number;
}

interface Told {
  readonly held: readonly Interval[];
  readonly leases: readonly Interval[];
}

/** What claimants were told that ask again and again, and hold what they get for a moment. */
async function claimIn(
  seed: number,
  prepare: (world: VirtualWorld, random: () => number) => void,
): Promise<Told> {
  const random = lehmer(seed);
  const delayMs = (): number => (random() < 0.9 ? 3 * random() : 20 * random());
  const world = new VirtualWorld(3);
  prepare(world, random);
  const held: Interval[] = [];
  const leases: Interval[] = [];
  const now = (): number => world.clock.now();
  const claim = async (locks: LockManager): Promise<void> => {
    for (let call = 0; call < CALLS; call++) {
      const from = now();
      try {
        const lease = await locks.acquire(R, { ttlMs: 3_000 });
        await new Promise<void>((resolve) => void world.clock.setTimer(resolve, 40 * random()));
        await lease.release();
        leases.push({ from, to: now() + ON_THE_WAY_MS });
      } catch (error) {
        if (error instanceof LockNotAcquiredError && error.reason === 'held') held.push({ from, to: now() });
      }
      await new Promise<void>((resolve) => void world.clock.setTimer(resolve, 10 * random()));
    }
  };
  const managers = Array.from({ length: CLAIMANTS }, () => {
    const nodes = world.nodes.map((node) => farOff(world, node, delayMs));
    return new LockManager({ nodes, warn: () => undefined }, { clock: world.clock, random });
  });
  await world.clock.until(Promise.all(managers.map(claim)));
  for (const locks of managers) void locks.close();
  return { held, leases };
}

const overlap = (one: Interval, other: Interval): boolean => one.from <= other.to && other.from <= one.to;

describe('held is said only when it is so', () => {
  it.each<[string, (world: VirtualWorld, random: () => number) => void]>([
    ['all nodes vote', () => undefined],
    ['one node is in quarantine', (world) => world.nodes[1]!.quarantine('its clock was stepped')],
    [
      'two nodes of three are in quarantine',
      (world) => world.nodes.slice(1).forEach((node) => node.quarantine('it lost its memory')),
    ],
    ['one node is down', (world) => world.nodes[2]!.down()],
    ['one node hangs', (world) => world.nodes[2]!.stop()],
    [
      'a quarantine begins and ends at any time',
      (world, random) => {
        for (const node of world.nodes.slice(1)) {
          world.clock.setTimer(() => node.quarantine('it lost its memory'), 200 * random());
          world.clock.setTimer(() => node.setState({ status: 'ready' }), 200 + 200 * random());
        }
      },
    ],
  ])('of claimants that ask at the same time, if %s', async (_where, prepare) => {
    const wrong: number[] = [];
    for (let seed = 1; seed <= WORLDS; seed++) {
      const { held, leases } = await claimIn(seed, prepare);
      wrong.push(...held.filter((told) => !leases.some((lease) => overlap(told, lease))).map(() => seed));
    }
    expect(wrong).toEqual([]);
  });

  it('of a real holder it is said also when two nodes of three came into quarantine meanwhile', async () => {
    const world = new VirtualWorld(3);
    const [locks, others] = [world.manager(), world.manager()];
    const lease = await world.clock.until(locks.acquire(R, { autoExtend: false }));
    for (const node of world.nodes.slice(1)) node.quarantine('its clock was stepped');
    await expect(world.clock.until(others.acquire(R))).rejects.toMatchObject({ reason: 'held' });
    void lease.release();
    await world.clock.advance(100);
    await expect(world.clock.until(others.acquire(R))).rejects.toMatchObject({ reason: 'untrusted' });
  });
});
