// slow: five thousand acquisitions at once.
import { describe, expect, it } from '@jest/globals';
import { RoundLimiter } from '../../../src/lock/quorum/round-limiter.js';
import { VirtualWorld } from '../../support/virtual-world.js';

describe('RoundLimiter', () => {
  it('a limited number of rounds is let in at once, and the others in the order in which they came', async () => {
    const roundLimiter = new RoundLimiter(2);
    const order: number[] = [];
    const enter = async (who: number): Promise<void> => {
      await roundLimiter.enter();
      order.push(who);
    };
    const all = Promise.all([1, 2, 3, 4, 5].map(enter));
    await Promise.resolve();
    expect(order).toEqual([1, 2]);
    roundLimiter.leave(true);
    await Promise.resolve();
    expect(order).toEqual([1, 2, 3]);
    roundLimiter.leave(true);
    roundLimiter.leave(true);
    await all;
    expect(order).toEqual([1, 2, 3, 4, 5]);
  });

  it('all rounds are let in when the nodes do not answer', async () => {
    const roundLimiter = new RoundLimiter(1);
    await roundLimiter.enter();
    const others = Promise.all([roundLimiter.enter(), roundLimiter.enter(), roundLimiter.enter()]);
    roundLimiter.leave(false);
    await others;
    for (let left = 0; left < 3; left++) roundLimiter.leave(true);
    expect(roundLimiter.enter()).toBeUndefined();
  });

  it('nobody else is let in for a round that was not answered, while the nodes answered another', async () => {
    const roundLimiter = new RoundLimiter(2);
    await Promise.all([roundLimiter.enter(), roundLimiter.enter()]);
    const before = roundLimiter.answered;
    let letIn = 0;
    for (let i = 0; i < 5; i++) void roundLimiter.enter()!.then(() => letIn++);
    roundLimiter.leave(true, before);
    roundLimiter.leave(false, before);
    await Promise.resolve();
    expect(letIn).toBe(2);
  });

  it('slow rounds lower the number that runs at once, down to a least one, and quick ones raise it', () => {
    const roundLimiter = new RoundLimiter(512);
    /** How many there is room for. */
    const room = (): number => {
      let count = 0;
      while (roundLimiter.enter() === undefined) count++;
      // The one that waits is let in by the first that goes.
      for (let i = 0; i < count + 1; i++) roundLimiter.pass();
      return count;
    };
    const leave = (count: number, share: number): void => {
      for (let i = 0; i < count; i++) {
        expect(roundLimiter.enter()).toBeUndefined();
        roundLimiter.leave(true, 0, share);
      }
    };
    expect(room()).toBe(128);
    leave(28, 0.9);
    expect(room()).toBe(100);
    leave(10, 0.3);
    expect(room()).toBe(100);
    leave(500, 0.9);
    expect(room()).toBe(32);
    leave(1_000, 0.1);
    expect(room()).toBe(512);
  });
});

describe('a process that stands still', () => {
  it.each([
    ['goes on after a second in which nothing could be answered', 1_000, 'granted'],
    ['fails where the nodes had the time of their timeout', 0, 'QUORUM_UNREACHABLE'],
  ])('an acquisition %s', async (_, stillMs, outcome) => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    await world.clock.until(locks.acquire('warm'));
    for (const node of world.nodes) node.stop();
    const acquired = locks.acquire('a').then(
      () => 'granted',
      ({ code }: { code: string }) => code,
    );
    await world.clock.advance(2);
    world.clock.freeze(stillMs);
    // The timer of the nodes is heard before the nodes are.
    await world.clock.advance(stillMs > 0 ? 5 : 260);
    for (const node of world.nodes) node.resume();
    expect(await world.clock.until(acquired)).toBe(outcome);
    await world.clock.until(locks.close());
  });
});

describe('five thousand acquisitions in one turn', () => {
  const resources = Array.from({ length: 5_000 }, (_, index) => `r:${index}`);

  it('five thousand acquisitions in one turn are all won', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const all = Promise.all(resources.map((resource) => locks.acquire(resource)));
    await world.clock.advance(0);
    // The others have not begun, so they cannot time out.
    expect(locks.nodes()).toHaveLength(3);
    for (const node of world.nodes) expect(node.underWay).toBeLessThanOrEqual(512);
    const leases = await world.clock.until(all);
    expect(new Set(leases.map(({ token }) => token > 0))).toEqual(new Set([true]));
    await world.clock.until(locks.close());
  });

  it('five thousand acquisitions in one turn fail within two node timeouts if a majority hangs', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    for (const node of world.nodes.slice(0, 2)) node.stop();
    const startedAt = world.clock.now();
    const all = Promise.allSettled(resources.map((resource) => locks.acquire(resource)));
    const outcomes = await world.clock.until(all);
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
    expect(world.clock.now() - startedAt).toBeLessThanOrEqual(2 * 250 + 10);
    await world.clock.until(locks.close());
  });

  it('an acquisition that is aborted before its turn asks no node', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const others = Promise.allSettled(resources.slice(0, 600).map((resource) => locks.acquire(resource)));
    const abandoned = new AbortController();
    const last = locks.acquire('last', { signal: abandoned.signal });
    const rejection = expect(last).rejects.toThrow('no longer');
    abandoned.abort(new Error('no longer'));
    await rejection;
    await world.clock.until(others);
    expect(await world.nodes[0]!.owner('last')).toBeUndefined();
    await world.clock.until(locks.close());
  });
});
