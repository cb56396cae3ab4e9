// slow: many processes wait in one virtual world.
import { describe, expect, it } from '@jest/globals';
import type { AcquireOptions, LockManager } from '../../../src/index.js';
import { VirtualWorld } from '../../support/virtual-world.js';

const R = 'invoice:7';
/** A waiter that gets the lock within a moment was notified: its next look and the expiry are far away. */
const WAITS = { waitMs: 600_000, retryDelayMs: 50_000, ttlMs: 30_000 } as const;
const OTHERS_FIRST_MS = 30;

const asked = (world: VirtualWorld): number =>
  world.nodes.reduce((sum, { log }) => sum + log.filter(({ op }) => op === 'acquire').length, 0);

/** So many managers wait for what another one holds; the nodes know all of them by then. */
async function waiters(world: VirtualWorld, count: number, options: AcquireOptions = WAITS) {
  const held = await world.clock.until(world.manager().acquire(R, { ttlMs: options.ttlMs ?? 30_000 }));
  const served: number[] = [];
  const managers: LockManager[] = [];
  const all = Array.from({ length: count }, async (_, who) => {
    const locks = world.manager({}, lehmer(who + 1));
    managers.push(locks);
    const lease = await locks.acquire(R, options);
    served.push(who);
    return lease;
  });
  await world.clock.advance(100);
  return { held, served, managers, all };
}

describe('a waiter in another process', () => {
  it('a waiter is notified of the release, and asks the nodes nothing before', async () => {
    const world = new VirtualWorld(5);
    const { held, all } = await waiters(world, 1);
    const before = asked(world);
    await world.clock.advance(8_000);
    expect(asked(world)).toBe(before);
    await world.clock.until(held.release());
    const lease = await world.clock.until(all[0]!, OTHERS_FIRST_MS);
    expect(asked(world)).toBe(before + 5);
    expect(lease.token).toBeGreaterThan(held.token);
  });

  it('waiters are notified one at a time, in the order in which they came', async () => {
    const world = new VirtualWorld(3);
    const { held, served, all } = await waiters(world, 12);
    const before = asked(world);
    let release = held.release();
    for (const waiting of all) {
      await world.clock.until(release);
      release = (await world.clock.until(waiting, OTHERS_FIRST_MS)).release();
    }
    expect(served).toEqual(all.map((_, who) => who));
    expect(asked(world) - before).toBe(12 * 3);
  });

  it.each([1, 2, 3])(
    'a waiter gets the lock when the keys would have expired at the latest, with %i of 3 nodes silent',
    async (silent) => {
      const world = new VirtualWorld(3);
      const { held, all } = await waiters(world, 1, { ...WAITS, ttlMs: 6_000 });
      for (const node of world.nodes.slice(0, silent))
        node.behaviour = { ...node.behaviour, losesNotifications: true };
      await world.clock.until(held.release());
      const before = world.clock.now();
      await world.clock.until(all[0]!, 6_100);
      // One node is enough; then it takes a few milliseconds more.
      expect(world.clock.now() - before < OTHERS_FIRST_MS).toBe(silent < 3);
    },
  );

  it('a waiter that died is passed over', async () => {
    const world = new VirtualWorld(3);
    const { held, managers, all } = await waiters(world, 3);
    all[0]!.catch(() => undefined);
    void managers[0]!.close();
    await world.clock.advance(300);
    await world.clock.until(held.release());
    await world.clock.until(all[1]!, OTHERS_FIRST_MS);
  });

  it('a waiter that was notified and has gone passes the notification on', async () => {
    const world = new VirtualWorld(3);
    const abort = new AbortController();
    const held = await world.clock.until(world.manager().acquire(R, { ttlMs: 30_000 }));
    const gone = world.manager().acquire(R, { ...WAITS, signal: abort.signal });
    gone.catch(() => undefined);
    await world.clock.advance(50);
    const next = world.manager().acquire(R, WAITS);
    await world.clock.advance(50);
    abort.abort();
    await world.clock.until(held.release());
    await world.clock.until(next, OTHERS_FIRST_MS);
  });

  it('a waiter for several resources waits on the list of the one that refused, and passes others on', async () => {
    const world = new VirtualWorld(3);
    const owner = world.manager();
    const [a, b] = await world.clock.until(Promise.all([owner.acquire('a'), owner.acquire('b')]));
    const both = world.manager().acquire(['a', 'b'], WAITS);
    await world.clock.advance(50);
    const onlyA = world.manager().acquire('a', WAITS);
    await world.clock.advance(50);
    // The notification goes to the waiter for both, which is refused b and passes it on.
    await world.clock.until(a.release());
    await world.clock.until((await world.clock.until(onlyA, OTHERS_FIRST_MS)).release());
    await world.clock.until(b.release());
    await world.clock.until(both, OTHERS_FIRST_MS);
  });

  it('a waiter looks from time to time if it would hear too few nodes', async () => {
    const world = new VirtualWorld(3);
    for (const node of world.nodes.slice(0, 2)) node.behaviour = { ...node.behaviour, cannotSubscribe: true };
    const { held, all } = await waiters(world, 1, { ...WAITS, retryDelayMs: 200 });
    const before = asked(world);
    await world.clock.advance(2_000);
    expect(asked(world) - before).toBeGreaterThan(5 * 3);
    await world.clock.until(held.release());
    await world.clock.until(all[0]!, 400);
  });

  it('a waiter gets a lock that was handed over in another process, before the waiters there get it again', async () => {
    const world = new VirtualWorld(3);
    const order: string[] = [];
    const use = async (name: string, locks: LockManager): Promise<void> => {
      const lease = await locks.acquire(R, WAITS);
      order.push(name);
      await lease.release();
    };
    const [one, other] = [world.manager(), world.manager()];
    const first = Array.from({ length: 80 }, () => use('one', one));
    await world.clock.advance(0.5);
    const second = use('other', other);
    const again = Array.from({ length: 80 }, () => use('one', one));
    await world.clock.until(Promise.all([...first, second, ...again]));
    expect(order.indexOf('other')).toBeLessThanOrEqual(128);
  });
});

describe('a long contended run', () => {
  it.each([
    [4, 16, 0],
    [4, 2, 0],
    [4, 1, 0],
    [8, 8, 3],
    [2, 1, 5],
  ])(
    'a long contended run of %i processes with %i waiters each serves all alike (held %i ms)',
    async (processes, each, holdMs) => {
      const world = new VirtualWorld(5);
      const managers: LockManager[] = [];
      const served: number[] = [];
      const tokens: number[] = [];
      // Without a hold, hundreds of thousands of leases fit into the time.
      const until = world.clock.now() + (holdMs === 0 ? 2_000 : 10_000);
      const workers = Array.from({ length: processes * each }, async (_, who) => {
        served[who] = 0;
        const locks = (managers[who % processes] ??= world.manager({}, lehmer(who + 1)));
        while (world.clock.now() < until) {
          const lease = await locks.acquire(R, { waitMs: 60_000, ttlMs: 10_000 });
          served[who] = (served[who] ?? 0) + 1;
          tokens.push(lease.token);
          if (holdMs > 0) await new Promise<void>((resolve) => void world.clock.setTimer(resolve, holdMs));
          await lease.release();
        }
      });
      await world.clock.until(Promise.all(workers), 80_000);
      expect(Math.max(...served)).toBeLessThanOrEqual(2 * Math.min(...served));
      expect(Math.min(...served)).toBeGreaterThan(10);
      for (let at = 1; at < tokens.length; at++) expect(tokens[at]).toBeGreaterThan(tokens[at - 1]!);
      // The cost does not grow with the number of waiters: two rounds for each run, and seldom a third.
      const runs = tokens.length / Math.min(each, holdMs === 0 ? 32 : 25 / holdMs);
      expect(asked(world)).toBeLessThan(5 * (2 * runs + 20 * processes));
    },
  );
});

describe('the commands for a hand-over', () => {
  it.each([8, 32])(
    'hardly depend on how many processes wait: %i of them, 1 to 3 ms away from each node',
    async (processes) => {
      const world = new VirtualWorld(5);
      const way = lehmer(7);
      // Notifications and requests overtake each other, so the nodes hear of those who wait in other orders.
      for (const node of world.nodes) {
        node.behaviour = {
          get requestMs() {
            return 1 + 2 * way();
          },
          get replyMs() {
            return 1 + 2 * way();
          },
        };
      }
      const managers: LockManager[] = [];
      const served = Array.from({ length: processes }, () => 0);
      const startMs = 1_000;
      const until = world.clock.now() + startMs + 3_000;
      const callers = Array.from({ length: 992 }, async (_, who) => {
        const locks = (managers[who % processes] ??= world.manager({}, lehmer(who + 1)));
        while (world.clock.now() < until) {
          const lease = await locks.acquire(R, { waitMs: 60_000, ttlMs: 10_000 });
          served[who % processes]!++;
          await lease.release();
        }
      });
      const commands = (): number => world.nodes.reduce((sum, { log }) => sum + log.length, 0);
      const handOvers = (): number => served.reduce((sum, count) => sum + count, 0);
      // At the start all ask at once.
      await world.clock.advance(startMs);
      const before = [commands(), handOvers()] as const;
      await world.clock.advance(3_000);
      const each = (commands() - before[0]) / (handOvers() - before[1]);
      await world.clock.until(Promise.all(callers));
      // Five acquisitions and five releases for a run of 128 leases are 0.08.
      expect(each).toBeLessThan(0.2);
      expect(Math.max(...served)).toBeLessThanOrEqual(2 * Math.min(...served));
    },
  );
});

/** A small repeatable generator of numbers from 0 to 1. */
function lehmer(seed: number): () => number {
  let state = seed * 7_919;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}
