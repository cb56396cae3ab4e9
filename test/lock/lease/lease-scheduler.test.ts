// slow: a thousand leases in virtual worlds.
import { describe, expect, it } from '@jest/globals';
import type { Stamp } from '../../../src/core/validity.js';
import { LeaseScheduler, type Scheduled } from '../../../src/lock/lease/lease-scheduler.js';
import { VirtualClock } from '../../support/virtual-clock.js';
import { VirtualWorld } from '../../support/virtual-world.js';

const TURNS = 256;

/** Turns are given when the code that asks for them has run. */
const settled = (): Promise<void> => Promise.resolve();

/** An item that records when it is woken, and is due again after so many milliseconds. */
function itemDueEvery(clock: VirtualClock, everyMs?: number): Scheduled & { readonly wokenAt: number[] } {
  const wokenAt: number[] = [];
  return {
    due: undefined,
    dueIndex: 0,
    wokenAt,
    wake: (now) => {
      wokenAt.push(clock.now());
      return everyMs === undefined ? undefined : now + everyMs;
    },
  };
}

describe('LeaseScheduler', () => {
  it('wakes each item when it is due, with one timer for all', async () => {
    const clock = new VirtualClock();
    const scheduler = new LeaseScheduler(clock);
    const startedAt = clock.now();
    const [often, seldom, once] = [
      itemDueEvery(clock, 100),
      itemDueEvery(clock, 250),
      itemDueEvery(clock),
    ] as const;
    for (const item of [often, seldom, once]) scheduler.schedule(item, startedAt + 50);
    expect(clock.timers).toBe(1);
    await clock.advance(400);
    expect(often.wokenAt.map((at) => at - startedAt)).toEqual([50, 150, 250, 350]);
    expect(seldom.wokenAt.map((at) => at - startedAt)).toEqual([50, 300]);
    expect(once.wokenAt.map((at) => at - startedAt)).toEqual([50]);
    expect(scheduler.size).toBe(2);
    for (const item of [often, seldom]) scheduler.cancel(item);
    expect(clock.timers).toBe(0);
  });

  it('gives a limited number of turns, and the next ones for those that end, in order', async () => {
    const scheduler = new LeaseScheduler(new VirtualClock());
    const order: number[] = [];
    for (let item = 0; item < TURNS + 3; item++)
      scheduler.requestTurn({ takeTurn: () => void order.push(item) });
    await settled();
    expect(order).toHaveLength(TURNS);
    scheduler.endTurn();
    scheduler.endTurn();
    await settled();
    expect(order).toEqual(Array.from({ length: TURNS + 2 }, (_, item) => item));
  });

  it('gives turns together that are asked for together, and tells them one instant', async () => {
    const clock = new VirtualClock();
    const scheduler = new LeaseScheduler(clock);
    const stamps: Stamp[] = [];
    const taker = { takeTurn: (now: Stamp) => void stamps.push(now) };
    for (let item = 0; item < TURNS + 2; item++) scheduler.requestTurn(taker);
    await settled();
    await clock.advance(5);
    scheduler.endTurn();
    scheduler.endTurn();
    await settled();
    expect(new Set(stamps).size).toBe(2);
    expect(stamps.map(({ monotonicMs }) => monotonicMs - stamps[0]!.monotonicMs)).toEqual([
      ...new Array<number>(TURNS).fill(0),
      5,
      5,
    ]);
  });

  it('gives all turns, one after the other, if each ends at once', async () => {
    const scheduler = new LeaseScheduler(new VirtualClock());
    let depth = 0;
    let deepest = 0;
    let taken = 0;
    const taker = {
      takeTurn: () => {
        deepest = Math.max(deepest, ++depth);
        taken++;
        scheduler.endTurn();
        depth--;
      },
    };
    for (let item = 0; item < 10_000; item++) scheduler.requestTurn(taker);
    await settled();
    expect(taken).toBe(10_000);
    expect(deepest).toBe(1);
  });
});

describe('extensions in turn', () => {
  it('a thousand leases that are due together are all extended, no more than 256 at once', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager({ ttlMs: 3_000 });
    const resources = Array.from({ length: 1_000 }, (_, index) => `r:${index}`);
    await world.clock.until(Promise.all(resources.map((resource) => locks.acquire(resource))));
    let most = 0;
    for (let passedMs = 0; passedMs < 1_500; passedMs++) {
      await world.clock.advance(1);
      most = Math.max(most, world.nodes[0]!.underWay);
    }
    expect(most).toBeLessThanOrEqual(TURNS);
    expect(most).toBeGreaterThan(TURNS / 2);
    expect(world.eventsOf('extended')).toHaveLength(1_000);
    expect(world.eventsOf('lost')).toEqual([]);
    await world.clock.until(locks.close());
  });

  it('a lease is extended by hand at once, although a thousand others wait for their turn', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager({ ttlMs: 30_000, nodeTimeoutMs: 250 });
    const resources = Array.from({ length: 1_000 }, (_, index) => `r:${index}`);
    const leases = await world.clock.until(Promise.all(resources.map((resource) => locks.acquire(resource))));
    // The answers to extensions come late, so that the turns are used up.
    for (const node of world.nodes) node.behaviour = { requestMs: 1, replyMs: 200 };
    while (world.nodes[0]!.underWay < TURNS) await world.clock.advance(10);
    const before = world.clock.now();
    await world.clock.until(leases.at(-1)!.extend());
    expect(world.clock.now() - before).toBeLessThanOrEqual(202);
    await world.clock.advance(5_000);
    expect(world.eventsOf('lost')).toEqual([]);
    await world.clock.until(locks.close());
  });
});
