import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AllHeldKeys } from '../../../src/lock/lease/all-held-keys.js';
import type { HeldKeys } from '../../../src/lock/lease/held-keys.js';
import { grownOldSpace } from '../../support/old-space.js';
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

/** Keys of a lease, as far as the list knows them. */
const keysOf = (name: string): HeldKeys => ({ tracker: { resources: [name] }, lease: {} }) as never;

it('the latest keys of each resource are found, and all that are held are listed, in any order', () => {
  const names = ['a', 'b', 'c'];
  const step = fc.oneof(fc.record({ add: fc.constantFrom(...names) }), fc.record({ remove: fc.nat() }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const held = new AllHeldKeys();
      const added: HeldKeys[] = [];
      const latest = new Map<string, HeldKeys>();
      const all = new Set<HeldKeys>();
      for (const next of steps) {
        if ('add' in next) {
          const keys = keysOf(next.add);
          added.push(keys);
          held.add(keys);
          latest.set(next.add, keys);
          all.add(keys);
        } else {
          // Any keys that were ever held.
          const keys = added[next.remove % added.length];
          if (keys === undefined) continue;
          const [name] = keys.tracker.resources;
          held.remove(keys);
          if (latest.get(name!) === keys) latest.delete(name!);
          all.delete(keys);
        }
        for (const name of names) expect(held.get([name])).toBe(latest.get(name));
        const listed = [...held];
        expect(listed).toHaveLength(all.size);
        expect(new Set(listed)).toEqual(all);
      }
    }),
  );
});

it('all are met, although those that are met and others are removed meanwhile', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 12 }), fc.array(fc.nat(), { maxLength: 12 }), (count, removed) => {
      const held = new AllHeldKeys();
      const all = Array.from({ length: count }, (_, at) => keysOf(`name-${at}`));
      for (const keys of all) held.add(keys);
      const gone = new Set<HeldKeys>();
      const met = new Set<HeldKeys>();
      for (const keys of held) {
        met.add(keys);
        const other = removed.length > 0 ? all[removed.pop()! % count]! : keys;
        for (const one of [keys, other]) {
          held.remove(one);
          gone.add(one);
        }
      }
      for (const keys of all) expect(met.has(keys) || gone.has(keys)).toBe(true);
      expect([...held]).toEqual([]);
    }),
  );
});

it('keys are not kept by those that were held before them', () => {
  const held = new AllHeldKeys();
  const ten: HeldKeys[] = [];
  const add = (at: number): void => {
    const keys = { ...keysOf(`name-${at % 10}`), made: new Array<number>(300).fill(at) } as never as HeldKeys;
    ten.push(keys);
    held.add(keys);
  };
  for (let at = 0; at < 10; at++) add(at);
  const grown = grownOldSpace(10_000, (at) => {
    held.remove(ten.shift()!);
    add(at);
  });
  // Each step makes 2.4 kB.
  expect(grown).toBeLessThan(6_000_000);
});
