import { expect, it } from '@jest/globals';
import { VirtualWorld } from '../../support/virtual-world.js';

it('a lease whose resource was taken and won again is ended by close, like the later one', async () => {
  const world = new VirtualWorld(3);
  const locks = world.manager();
  const first = await world.clock.until(locks.acquire('a'));
  // Another operator takes it: the holder hears of it when it extends.
  const elsewhere = world.manager();
  await world.clock.until(elsewhere.forceRelease('a', { reason: 'a test' }));
  const second = await world.clock.until(locks.acquire('a'));
  expect(world.eventsOf('lost')).toEqual([]);
  await world.clock.until(locks.close());
  expect([first, second].map(({ signal }) => (signal.reason as { reason: string }).reason)).toEqual([
    'closed',
    'closed',
  ]);
  await world.clock.until(elsewhere.close());
});
