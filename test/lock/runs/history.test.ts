import { describe, expect, it } from '@jest/globals';
import { QuorumUnreachableError, type LockManager, type PastRun } from '../../../src/index.js';
import { VirtualWorld } from '../../support/virtual-world.js';
import { at, HOUR, KEY, nextTick, pause } from './runs.js';

const historyOf = (world: VirtualWorld, locks: LockManager): Promise<readonly PastRun[]> =>
  world.clock.until(locks.history(KEY));
const fails = (world: VirtualWorld, run: Promise<unknown>): Promise<void> =>
  world.clock.until(
    run.then(
      () => undefined,
      () => undefined,
    ),
  );

describe('the history of a job', () => {
  it('has its runs with worker, times, token and outcome, the latest first', async () => {
    const world = new VirtualWorld(3);
    const [a, b] = ['a', 'b'].map((holder) => world.manager({ holder }));
    expect(await historyOf(world, b!)).toEqual([]);
    const tick = await nextTick(world);
    let token = 0;
    const first = a!.runOnce(at(tick), async (run) => {
      token = run.token!;
      await pause(world, 1_000);
    });
    await world.clock.until(first);
    const later = await nextTick(world);
    await fails(
      world,
      b!.runOnce(at(later), () => Promise.reject(new Error('no disk'))),
    );
    const [failed, succeeded] = await historyOf(world, a!);
    const startedAt = tick + 4;
    expect(succeeded).toEqual({
      ...{ tick, attempt: 1, worker: 'a', token, outcome: 'succeeded', error: undefined },
      ...{ startedAt, endedAt: startedAt + 1_000 },
    });
    expect(failed).toMatchObject({ tick: later, worker: 'b', outcome: 'failed', error: 'no disk' });
    expect(failed!.token).toBeGreaterThan(token);
  });

  it('has every attempt that told its end: a failed one that is tried again, a timeout, a lost lease', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager({ holder: 'a' });
    const tick = await nextTick(world);
    let attempts = 0;
    const retried = at(tick, { abandoned: 'retry', retryOnError: true });
    await world.clock.until(
      locks.runOnce(retried, () => (++attempts === 1 ? Promise.reject(new Error('x')) : 1)),
    );
    const slow = at(await nextTick(world), { timeoutMs: 1_000 });
    await fails(
      world,
      locks.runOnce(slow, () => pause(world, 2_000)),
    );
    const lost = at(await nextTick(world), { maxHoldMs: 10_000 });
    await fails(
      world,
      locks.runOnce(lost, () => pause(world, 20_000)),
    );
    await world.clock.advance(1_000);
    expect((await historyOf(world, locks)).map((run) => [run.tick - tick, run.attempt, run.outcome])).toEqual(
      [
        [2 * HOUR, 1, 'lost'],
        [HOUR, 1, 'timed_out'],
        [0, 2, 'succeeded'],
        [0, 1, 'failed'],
      ],
    );
    expect((await historyOf(world, locks))[1]!.error).toMatch(/took longer than 1000 ms/);
  });

  it('costs no round of its own, and a node without a place for it changes nothing', async () => {
    const counts = [50, 0].map(async (history) => {
      const world = new VirtualWorld(3);
      const locks = world.manager();
      await world.clock.until(locks.runOnce(at(await nextTick(world), { history }), () => undefined));
      await world.clock.advance(1_000);
      return world.nodes.map(({ log }) => log.map(({ op }) => op));
    });
    const [withHistory, without] = await Promise.all(counts);
    expect(withHistory).toEqual(without);
  });

  it('is as long as the option says, and none with 0', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const ticks: number[] = [];
    for (let run = 0; run < 4; run++) {
      ticks.push(await nextTick(world));
      await world.clock.until(locks.runOnce(at(ticks[run]!, { history: 2 }), () => undefined));
    }
    expect((await historyOf(world, locks)).map(({ tick }) => tick)).toEqual([ticks[3], ticks[2]]);
    const hidden = at(await nextTick(world), { history: 0 });
    await world.clock.until(locks.runOnce(hidden, () => undefined));
    expect((await historyOf(world, locks)).map(({ tick }) => tick)).toEqual([ticks[3], ticks[2]]);
    expect((await world.clock.until(locks.inspect(KEY))).lastSuccess).toBeGreaterThanOrEqual(
      hidden.tick as number,
    );
  });

  it('is complete with a minority of the nodes away, then or now, and rejects without a majority', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const ticks: number[] = [];
    for (let away = 0; away < 3; away++) {
      ticks.unshift(await nextTick(world));
      world.nodes[away]!.down();
      await world.clock.until(locks.runOnce(at(ticks[0]!), () => undefined));
      world.nodes[away]!.up();
    }
    world.nodes[0]!.down();
    expect((await historyOf(world, locks)).map(({ tick }) => tick)).toEqual(ticks);
    world.nodes[1]!.down();
    await expect(historyOf(world, locks)).rejects.toThrow(QuorumUnreachableError);
  });

  it.each<[string, unknown, string]>([
    ['is cut at 200 characters', new Error('e'.repeat(300)), `${'e'.repeat(199)}…`],
    ['is on one line', new Error('one\r\n\ttwo\u0000 '), 'one two'],
    [
      'has no password of a url',
      new Error('at postgres://me:s3c/ret@db:5432/x'),
      'at postgres://***@db:5432/x',
    ],
    ['is the text of what is no error', 'plain', 'plain'],
    [
      'of several errors without one of its own is that of the first',
      new AggregateError([new Error('connect ECONNREFUSED ::1:5432'), new Error('other')]),
      'connect ECONNREFUSED ::1:5432',
    ],
    ['that is empty is the name of the error', new RangeError(''), 'RangeError'],
    ['is cut between two characters', new Error('a'.repeat(198) + '😀😀'), `${'a'.repeat(198)}…`],
    ['is there when nothing was thrown', undefined, 'undefined'],
    [
      'may have no text at all',
      {
        toString: () => {
          throw new Error('no');
        },
      },
      'something that has no text',
    ],
  ])('an error message %s', async (_what, thrown, expected) => {
    const world = new VirtualWorld(1);
    const locks = world.manager();
    await fails(
      world,
      locks.runOnce(at(await nextTick(world)), () => {
        throw thrown;
      }),
    );
    expect((await historyOf(world, locks))[0]!.error).toBe(expected);
  });

  it('has neither runs by hand nor leases with a tick, which tell no outcome', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const tick = await nextTick(world);
    await world.clock.until(locks.withLock(KEY, { tick }, () => undefined));
    await world.clock.until(locks.runOnce({ key: KEY, tick: 'manual' }, () => undefined));
    expect(await historyOf(world, locks)).toEqual([]);
    expect((await world.clock.until(locks.inspect(KEY))).lastSuccess).toBeUndefined();
  });

  it.each<[unknown, string]>([
    [1_001, 'history must be an integer from 0 to 1000, got 1001'],
    [-1, 'history must be an integer from 0 to 1000, got -1'],
    [0.5, 'history must be an integer from 0 to 1000, got 0.5'],
    ['50', "history must be a number, got '50'"],
  ])('refuses history: %p', async (history, message) => {
    const locks = new VirtualWorld(3).manager();
    const run = locks.runOnce({ key: KEY, tick: 0, history: history as number }, () => undefined);
    await expect(run).rejects.toThrow(message);
  });

  it('is asked for by the name of a resource', async () => {
    await expect(new VirtualWorld(3).manager().history('')).rejects.toThrow(/key/);
  });
});
