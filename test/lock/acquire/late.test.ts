import { describe, expect, it } from '@jest/globals';
import { QuorumUnreachableError } from '../../../src/index.js';
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

  it('acquire gives up if its requests come too late again', async () => {
    const world = new VirtualWorld(3);
    const acquiring = world.manager().acquire(R);
    const failure = expect(acquiring).rejects.toThrow(QuorumUnreachableError);
    for (let times = 0; times < 20; times++) {
      await world.clock.advance(0.5);
      world.clock.freeze(300);
    }
    await failure;
    expect(world.nodes[0]!.log.filter(({ op }) => op === 'acquire')).toHaveLength(2);
    await world.clock.advance(500);
    expect(await world.leftovers(R)).toEqual([]);
  });
});
