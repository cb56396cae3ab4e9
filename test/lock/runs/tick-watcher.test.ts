import { describe, expect, it, jest } from '@jest/globals';
import type {
  LockManager,
  RunPolicyOptions,
  TickSchedule,
  TickWatch,
  WatchTicksOptions,
} from '../../../src/index.js';
import { VirtualWorld } from '../../support/virtual-world.js';
import { abandon, at, HOUR, HOURLY, KEY, nextTick, pause, told } from './runs.js';

const MINUTE = 60_000;

/** A worker that comes up now: it looks for what was missed, and runs it. */
function comesUp(
  world: VirtualWorld,
  holder: string,
  policy: RunPolicyOptions,
): { readonly locks: LockManager; readonly watch: TickWatch; readonly ran: number[] } {
  const locks = world.manager({ holder });
  const ran: number[] = [];
  const { missed, maxLatenessMs, abandoned, attempts, spreadMs } = policy;
  const options: WatchTicksOptions = {
    ...{ key: KEY, schedule: HOURLY, missed, maxLatenessMs, abandoned, attempts, spreadMs },
  };
  const watch = locks.watchTicks(options, (tick) =>
    locks.runOnce(at(tick, policy), () => {
      ran.push(tick);
    }),
  );
  return { locks, watch, ran };
}

/** A tick that ran as it should. */
async function runTick(world: VirtualWorld): Promise<number> {
  const tick = await nextTick(world);
  const locks = world.manager({ holder: 'first' });
  await world.clock.until(locks.runOnce(at(tick), () => undefined));
  world.events.length = 0;
  return tick;
}

describe('the look at the start', () => {
  it('runs the latest missed tick late, once for all workers, and never a backlog', async () => {
    const world = new VirtualWorld(3);
    const tick = await runTick(world);
    await world.clock.advance(3 * HOUR + 600_000);
    const all = ['a', 'b', 'c'].map((holder) => comesUp(world, holder, { missed: 'once' }));
    await world.clock.advance(60_000);
    expect(all.flatMap(({ ran }) => ran)).toEqual([tick + 3 * HOUR]);
    expect(world.eventsOf('run_started')[0]!.latenessMs).toBeGreaterThanOrEqual(600_000);
  });

  it('tells the first tick that has not run to its end, and the latest one that has', async () => {
    const world = new VirtualWorld(3);
    const tick = await runTick(world);
    await world.clock.advance(3 * HOUR);
    comesUp(world, 'a', {});
    await world.clock.advance(60_000);
    const about = { type: 'schedule', name: KEY, resources: [KEY], lastSuccess: expect.any(Number) };
    expect(world.eventsOf('schedule')).toEqual([{ ...about, nextTick: tick + HOUR, lastTick: tick }]);
  });

  it('tells when a run last succeeded, to a process that has run none, although later runs failed', async () => {
    const world = new VirtualWorld(3);
    const tick = await runTick(world);
    const locks = world.manager({ holder: 'dead' });
    const failing = locks.runOnce(at(await nextTick(world), { history: 0 }), () =>
      Promise.reject(new Error()),
    );
    await expect(world.clock.until(failing)).rejects.toThrow();
    comesUp(world, 'a', {});
    await world.clock.advance(60_000);
    const [{ lastTick, lastSuccess } = {}] = world.eventsOf('schedule');
    expect(lastTick).toBe(tick + HOUR);
    expect(lastSuccess).toBeGreaterThanOrEqual(tick);
    expect(lastSuccess).toBeLessThan(tick + 1_000);
  });

  it('runs nothing on a first deployment', async () => {
    const world = new VirtualWorld(3);
    const { ran } = comesUp(world, 'a', { missed: 'once', abandoned: 'retry' });
    await world.clock.advance(60_000);
    expect(ran).toEqual([]);
    expect(told(world)).toEqual([]);
  });

  it('tells a tick that is skipped, or too late, once', async () => {
    for (const missed of ['skip', 'once'] as const) {
      const world = new VirtualWorld(3);
      await runTick(world);
      await world.clock.advance(1.75 * HOUR);
      const { watch, ran } = comesUp(world, 'a', { missed });
      await world.clock.advance(60_000);
      await world.clock.until(watch.look());
      expect(ran).toEqual([]);
      expect(told(world)).toEqual([`a tick_missed ${missed === 'skip' ? 'policy' : 'too_late'}`]);
    }
  });

  it('tells a missed tick only when no worker can start it any more', async () => {
    const world = new VirtualWorld(3);
    await runTick(world);
    await nextTick(world);
    comesUp(world, 'a', {});
    await world.clock.advance(30_000);
    expect(told(world)).toEqual([]);
    await world.clock.advance(60_000);
    expect(told(world)).toEqual(['a tick_missed policy']);
  });

  it('runs an abandoned tick again, and waits for a worker that is alive', async () => {
    const world = new VirtualWorld(3);
    const tick = await nextTick(world);
    await abandon(world, tick, 30_000);
    const left = comesUp(world, 'left', {});
    const retrying = comesUp(world, 'a', { abandoned: 'retry' });
    await world.clock.advance(20_000);
    expect(told(world)).toEqual([]);
    await world.clock.advance(20_000);
    expect(retrying.ran).toEqual([tick]);
    expect(left.ran).toEqual([]);
    await world.clock.until(left.watch.look());
    expect(told(world)).toEqual(['a tick_abandoned retried', 'a starts 2', 'a succeeded']);
  });

  it('tells an abandoned tick that is left', async () => {
    const world = new VirtualWorld(3);
    const tick = await nextTick(world);
    await abandon(world, tick, 1_000);
    await world.clock.advance(20_000);
    comesUp(world, 'a', { missed: 'once' });
    await world.clock.advance(1_000);
    expect(told(world)).toEqual(['a tick_abandoned policy']);
  });

  it('tells an abandoned tick that is left although the dead worker still has the lock at the look', async () => {
    const world = new VirtualWorld(3);
    const tick = await nextTick(world);
    await abandon(world, tick, 30_000);
    comesUp(world, 'a', {});
    await world.clock.advance(30_000);
    expect(told(world)).toEqual([]);
    await world.clock.advance(62_000);
    expect(told(world)).toEqual(['a tick_abandoned policy']);
  });

  it('tells nothing of a run that goes on for longer than it takes to look again, and ends', async () => {
    const world = new VirtualWorld(3);
    const tick = await nextTick(world);
    const alive = world.manager({ holder: 'alive' });
    const run = alive.runOnce(at(tick), () => pause(world, 200_000));
    await world.clock.advance(1_000);
    comesUp(world, 'a', {});
    await world.clock.until(run);
    await world.clock.advance(100_000);
    expect(told(world)).toEqual(['alive starts 1', 'alive succeeded']);
  });
});

describe('the look after a tick that another worker got', () => {
  it('tells that the other worker died in it', async () => {
    const world = new VirtualWorld(3);
    const { locks } = comesUp(world, 'a', {});
    const tick = await nextTick(world);
    await abandon(world, tick, 30_000);
    expect(await world.clock.until(locks.runOnce(at(tick), () => undefined))).toMatchObject({ ran: false });
    await world.clock.advance(62_000);
    expect(told(world)).toEqual(['a tick_abandoned policy']);
  });

  it.each([
    [20_000, 1_000],
    [60_000, 1_000],
    [60_000, 30_000],
  ])(
    'tells it although ticks are a minute apart: the TTL is %s ms, and it died after %s',
    async (ttlMs, dies) => {
      const world = new VirtualWorld(3);
      const schedule: TickSchedule = {
        latest: (atMs) => Math.floor(atMs / MINUTE) * MINUTE,
        next: (afterMs) => (Math.floor(afterMs / MINUTE) + 1) * MINUTE,
      };
      const locks = world.manager({ holder: 'a' });
      locks.watchTicks({ key: KEY, schedule }, () => undefined);
      const first = await nextTick(world);
      const lease = await abandon(world, first, ttlMs);
      const ran: number[] = [];
      const options = { ttlMs, nextTick: undefined };
      const run = async (tick: number): Promise<void> => {
        await locks.runOnce(at(tick, options), () => void ran.push(tick));
      };
      await world.clock.until(run(first));
      await world.clock.advance(dies);
      // Its last sign of life.
      await world.clock.until(lease.extend());
      for (let tick = first + MINUTE; tick < first + 5 * MINUTE; tick += MINUTE) {
        await world.clock.advance(tick - world.clock.stamp().wallMs);
        await world.clock.until(run(tick));
      }
      expect(world.eventsOf('tick_abandoned')).toMatchObject([{ tick: first, attempt: 1, reason: 'policy' }]);
      expect(ran.length).toBeGreaterThan(1);
    },
  );

  it('comes once for many refusals, and tells nothing of a run that ends', async () => {
    const world = new VirtualWorld(3);
    const { locks } = comesUp(world, 'a', {});
    const alive = world.manager({ holder: 'alive' });
    const tick = await nextTick(world);
    world.events.length = 0;
    const run = alive.runOnce(at(tick), () => pause(world, 5_000));
    await world.clock.advance(1_000);
    const inspected = jest.spyOn(world.nodes[0]!, 'inspect');
    for (let call = 0; call < 3; call++) await world.clock.until(locks.runOnce(at(tick), () => undefined));
    await world.clock.until(run);
    await world.clock.advance(200_000);
    expect(told(world)).toEqual(['alive starts 1', 'alive succeeded']);
    expect(inspected).toHaveBeenCalledTimes(1);
  });

  it('comes with each TTL while a run goes on, whose worker is alive', async () => {
    const world = new VirtualWorld(3);
    const { locks } = comesUp(world, 'a', {});
    const alive = world.manager({ holder: 'alive' });
    const tick = await nextTick(world);
    const run = alive.runOnce(at(tick, { ttlMs: 60_000 }), () => pause(world, 600_000));
    await world.clock.advance(1_000);
    const inspected = jest.spyOn(world.nodes[0]!, 'inspect');
    await world.clock.until(locks.runOnce(at(tick), () => undefined));
    await world.clock.until(run);
    await world.clock.advance(100_000);
    expect(told(world)).toEqual(['alive starts 1', 'alive succeeded']);
    expect(inspected.mock.calls.length).toBeGreaterThan(9);
    expect(inspected.mock.calls.length).toBeLessThan(20);
  });

  it.each(['skip', 'once'] as const)(
    'does not run a tick late that came while an earlier one ran, and tells nothing of it: missed %s',
    async (missed) => {
      const world = new VirtualWorld(3);
      const { locks, ran } = comesUp(world, 'a', { missed });
      const alive = world.manager({ holder: 'alive' });
      const run = alive.runOnce(at(await nextTick(world)), () => pause(world, HOUR + 200_000));
      const refused = await world.clock.until(
        locks.runOnce(at(await nextTick(world), { missed }), () => undefined),
      );
      expect(refused).toMatchObject({ ran: false, reason: 'held' });
      await world.clock.until(run);
      await world.clock.advance(1_000_000);
      expect(ran).toEqual([]);
      expect(told(world)).toEqual(['alive starts 1', 'alive run_overrun', 'alive succeeded']);
    },
  );
});

describe('the look when a majority of the nodes is back', () => {
  it('runs what was missed meanwhile', async () => {
    const world = new VirtualWorld(3);
    await runTick(world);
    const { ran } = comesUp(world, 'a', { missed: 'once' });
    await world.clock.advance(1_000);
    for (const node of world.nodes) node.down();
    const tick = await nextTick(world);
    await world.clock.advance(600_000);
    expect(ran).toEqual([]);
    for (const node of world.nodes) node.up();
    await world.clock.advance(10_000);
    expect(ran).toEqual([tick]);
  });

  it('a look inside its own run resolves at once, because it would wait for itself', async () => {
    const world = new VirtualWorld(3);
    await runTick(world);
    const tick = await nextTick(world);
    const locks = world.manager({ holder: 'a' });
    const ran: number[] = [];
    const options = { key: KEY, schedule: HOURLY, missed: 'once' } as const;
    const watch = locks.watchTicks(options, async (one) => {
      await watch.look();
      await locks.runOnce(at(one, { missed: 'once' }), async () => {
        await watch.look();
        ran.push(one);
      });
    });
    const outside = world.clock.until(watch.look());
    await world.clock.advance(120_000);
    await outside;
    expect(ran).toEqual([tick]);
    // Code that the run has left behind may wait for a look.
    await world.clock.until(watch.look());
  });

  it('a look inside a run that another look began inside its own run resolves at once, too', async () => {
    const world = new VirtualWorld(3);
    const tick = await nextTick(world);
    const locks = world.manager({ holder: 'a' });
    for (const key of ['outer', 'inner'])
      await world.clock.until(locks.runOnce({ ...at(tick), key }, () => undefined));
    const missed = await nextTick(world);
    const ran: string[] = [];
    const watchTicks = (key: string, before: () => Promise<void>): TickWatch =>
      locks.watchTicks({ key, schedule: HOURLY, missed: 'once' }, async (one) => {
        await before();
        await locks.runOnce({ ...at(one, { missed: 'once' }), key }, () => void ran.push(`${key} ${one}`));
      });
    // The inner one looks for the first time inside the run of the outer one.
    const outer: TickWatch = watchTicks('outer', () => watchTicks('inner', () => outer.look()).look());
    await world.clock.advance(120_000);
    expect(ran).toEqual([`inner ${missed}`, `outer ${missed}`]);
  });

  it('ends with stop, and when the manager is closed', async () => {
    const world = new VirtualWorld(3);
    await runTick(world);
    const stopped = comesUp(world, 'a', { missed: 'once' });
    const closed = comesUp(world, 'b', { missed: 'once' });
    stopped.watch.stop();
    await world.clock.until(closed.locks.close());
    await nextTick(world);
    await world.clock.until(stopped.watch.look());
    await world.clock.until(closed.watch.look());
    expect([stopped.ran, closed.ran]).toEqual([[], []]);
    expect(world.warnings).toEqual([]);
  });
});

describe('a schedule with wrong answers', () => {
  const { latest, next } = HOURLY;
  it.each<[string, object, string]>([
    ['a Date', { latest: (atMs: number) => new Date(latest(atMs)!) }, 'latest must give epoch milliseconds'],
    ['a promise', { latest: async (atMs: number) => latest(atMs) }, 'or undefined, got object'],
    ['null', { latest: () => null }, 'latest must give epoch milliseconds or undefined, got object'],
    ['a text', { next: (atMs: number) => String(next(atMs)) }, 'next must give epoch milliseconds'],
    ['NaN', { latest: () => NaN }, 'or undefined, got NaN'],
    ['half a millisecond', { latest: (atMs: number) => latest(atMs)! - 0.5 }, 'latest must give epoch'],
    ['a time before 1970', { latest: () => -1 }, 'or undefined, got -1'],
    ['a latest tick that is yet to come', { latest: next }, 'latest must give an instant at or before'],
    ['a next tick that is past', { next: latest }, 'next must give an instant after'],
  ])('tells a warning, and no tick as missed: %s', async (_, wrong, message) => {
    const world = new VirtualWorld(3);
    await runTick(world);
    const ran: number[] = [];
    for (const missed of ['skip', 'once'] as const) {
      const given = { key: KEY, schedule: { ...HOURLY, ...wrong }, missed } as WatchTicksOptions;
      world.manager().watchTicks(given, (tick) => void ran.push(tick));
    }
    await world.clock.advance(60_000);
    expect([told(world), ran]).toEqual([[], []]);
    expect(world.warnings).toHaveLength(2);
    expect(world.warnings[0]).toContain(`the look at the ticks of "${KEY}" failed: schedule.`);
    expect(world.warnings[0]).toContain(message);
  });
});

describe('bad options of watchTicks', () => {
  it.each<[string, object, string]>([
    ['no schedule', { schedule: undefined }, 'schedule must have the methods latest and next, got undefined'],
    ['half a schedule', { schedule: { next: () => 1 } }, 'schedule must have the methods latest and next'],
    ['an option that does not exist', { tick: 7 }, 'watchTicks: unknown option "tick"'],
    ['attempts without retry', { attempts: 3 }, "attempts (3) needs abandoned: 'retry'"],
    ['a key that is no resource', { key: '' }, 'key must have 1 to 512 bytes, got 0'],
  ])('%s', (_, options, message) => {
    const locks = new VirtualWorld(3).manager();
    const given = { key: KEY, schedule: HOURLY, ...options } as WatchTicksOptions;
    expect(() => locks.watchTicks(given, () => undefined)).toThrow(message);
    expect(() => locks.watchTicks({ key: KEY, schedule: HOURLY }, 7 as never)).toThrow('takes a function');
  });
});
