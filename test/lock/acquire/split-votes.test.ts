// slow: four claimants in 1,200 virtual worlds.
import { describe, expect, it } from '@jest/globals';
import { LockManager, type Lease } from '../../../src/index.js';
import { farOff, lehmer } from '../../support/far-off.js';
import { VirtualWorld } from '../../support/virtual-world.js';

const R = 'invoice:7';
const WORLDS = 300;

/** How many of four claimants that ask at the same instant get the lock. Nobody releases it. */
async function winnersIn(seed: number, untrusted: readonly number[]): Promise<number> {
  const random = lehmer(seed);
  const delayMs = (): number => 3 * random();
  const world = new VirtualWorld(5);
  for (const nodeIndex of untrusted) world.nodes[nodeIndex]!.quarantine('its clock was stepped');
  const managers = Array.from({ length: 4 }, () => {
    const nodes = world.nodes.map((node) => farOff(world, node, delayMs));
    return new LockManager({ nodes, warn: () => undefined }, { clock: world.clock, random });
  });
  const acquiring = managers.map((locks) => locks.acquire(R, { retries: 0 }).catch(() => undefined));
  const leases = await world.clock.until(Promise.all(acquiring));
  const won = leases.filter((lease): lease is Lease => lease !== undefined);
  for (const locks of managers) void locks.close();
  return won.length;
}

describe('four claimants at the same instant', () => {
  it.each<[string, readonly number[]]>([
    ['all nodes vote', []],
    ['the first node has no vote', [0]],
    ['another node has no vote', [3]],
    ['two nodes have no vote', [0, 1]],
  ])('one of four claimants gets the lock if %s', async (_where, untrusted) => {
    const winners: number[] = [];
    for (let seed = 1; seed <= WORLDS; seed++) winners.push(await winnersIn(seed, untrusted));
    expect(winners).toEqual(winners.map(() => 1));
  });
});
