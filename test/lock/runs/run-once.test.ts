import { describe, expect, it, jest } from '@jest/globals';
import {
  assertRunOptions,
  currentLease,
  currentRun,
  LeaseLostError,
  LockManagerClosedError,
  QuorumUnreachableError,
  RunTimeoutError,
  type RunOnceOptions,
} from '../../../src/index.js';
import { VirtualWorld } from '../../support/virtual-world.js';
import { abandon, at, HOUR, KEY, nextTick, pause, told } from './runs.js';

/** A run of more than an hour is extended a few times only. */
const LONG = { ttlMs: 1_800_000 };

const workers = (world: VirtualWorld) =>
  ['a', 'b', 'c'].map((holder) => world.manager({ holder, nodeTimeoutMs: 250 }));

describe('runOnce', () => {
  it('runs a tick on one of the workers, and not again', async () => {
    const world = new VirtualWorld(3);
    const [a, b] = workers(world);
    const tick = await nextTick(world);
    const run = a!.runOnce(at(tick), async (current, lease) => {
      expect(currentRun()).toBe(current);
      expect(currentLease()).toBe(lease);
      expect(current).toMatchObject({ tick, attempt: 1, lateMs: 4, token: lease.token });
      await pause(world, 1_000);
      return 'done';
    });
    await world.clock.advance(100);
    const held = await world.clock.until(b!.runOnce(at(tick), () => 'twice'));
    expect(held).toMatchObject({ ran: false, reason: 'held', error: { reason: 'held', owner: 'a' } });
    expect(await world.clock.until(run)).toEqual({ ran: true, value: 'done', attempt: 1 });
    expect(currentRun()).toBeUndefined();
    const late = await world.clock.until(b!.runOnce(at(tick), () => 'twice'));
    expect(late).toMatchObject({ ran: false, reason: 'finished', error: { reason: 'already_ran' } });
    expect(told(world)).toEqual(['a starts 1', 'a succeeded']);
    expect(world.eventsOf('run_finished')).toMatchObject([
      { name: KEY, resources: [KEY], tick, attempt: 1, worker: 'a', latenessMs: 4, durationMs: 1_000 },
    ]);
    expect(await world.leftovers(KEY)).toEqual([]);
  });

  it('is a part of the run around it, and aborts at its own signal and at that of the run', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const tick = await nextTick(world);
    const [mine, callers] = [new AbortController(), new AbortController()];
    const bySignal = await world.clock.until(
      locks.runOnce(at(tick, { signal: callers.signal }), (outer) =>
        locks.runOnce({ key: KEY, tick: 'manual', signal: mine.signal }, (part, lease) => {
          expect(currentRun()).toBe(part);
          expect(part).toMatchObject({ tick, attempt: 1, lateMs: outer.lateMs, token: lease.token });
          mine.abort('mine');
          const byMine = [part.signal.reason, outer.signal.aborted];
          return [...byMine, lease.signal === part.signal];
        }),
      ),
    );
    expect(bySignal).toMatchObject({ ran: true, value: { ran: true, value: ['mine', false, true] } });
    const later = await nextTick(world);
    const byCaller = await world.clock.until(
      locks.runOnce(at(later, { signal: callers.signal }), () =>
        locks.runOnce({ key: KEY, tick: 'manual', signal: new AbortController().signal }, (part) => {
          callers.abort('the caller');
          return part.signal.reason as unknown;
        }),
      ),
    );
    expect(byCaller).toMatchObject({ value: { value: 'the caller' } });
  });

  it('under another lock inside a run has the token and the signal of that lock', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const tick = await nextTick(world);
    await world.clock.until(
      locks.runOnce(at(tick), (outer) =>
        locks.withLock('other', (lease) =>
          locks.runOnce({ key: 'other', tick: 'manual' }, (part) => {
            expect(part).toMatchObject({ tick, attempt: 1, token: lease.token });
            expect(part.signal).toBe(lease.signal);
            expect(part.signal).not.toBe(outer.signal);
          }),
        ),
      ),
    );
  });

  it('warns once of a key that is an election of this process, and is refused while somebody leads', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const election = locks.elect(KEY);
    await world.clock.advance(1_000);
    for (let run = 0; run < 2; run++) {
      const refused = await world.clock.until(locks.runOnce(at(await nextTick(world)), () => 'no'));
      expect(refused).toMatchObject({ ran: false, reason: 'held' });
    }
    const warning = `the job "${KEY}" has the name of an election: it does not run while somebody leads`;
    expect(world.warnings.filter((one) => one.includes('election'))).toEqual([warning]);
    await world.clock.until(election.stop());
  });

  it('costs no more rounds than acquire with a tick', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const count = (): number => world.nodes.reduce((sum, { log }) => sum + log.length, 0);
    const tick = await nextTick(world);
    await world.clock.until(locks.withLock(KEY, { tick: tick - HOUR }, () => undefined));
    const before = count();
    await world.clock.until(locks.withLock(KEY, { tick: tick - 1 }, () => undefined));
    const plain = count() - before;
    await world.clock.until(locks.runOnce(at(tick), () => undefined));
    expect(count() - before - plain).toBe(plain);
  });

  it('passes the error of the routine on; the tick has run all the same', async () => {
    const world = new VirtualWorld(3);
    const [a, b] = workers(world);
    const tick = await nextTick(world);
    const failing = a!.runOnce(at(tick), () => Promise.reject(new Error('no disk')));
    await expect(world.clock.until(failing)).rejects.toThrow('no disk');
    expect(await world.clock.until(b!.runOnce(at(tick), () => 'twice'))).toMatchObject({
      reason: 'finished',
    });
    expect(told(world)).toEqual(['a starts 1', 'a failed']);
  });

  it('runs under the lock, without a tick, what somebody started by hand', async () => {
    const world = new VirtualWorld(3);
    const [a, b] = workers(world);
    const tick = await nextTick(world);
    await world.clock.until(a!.runOnce(at(tick), () => 'scheduled'));
    const byHand: RunOnceOptions = { key: KEY, tick: 'manual' };
    const run = a!.runOnce(byHand, async (current) => {
      await pause(world, 1_000);
      return [current.tick, current.attempt, current.lateMs];
    });
    await world.clock.advance(100);
    expect(await world.clock.until(b!.runOnce(byHand, () => 'too'))).toMatchObject({ reason: 'held' });
    const value = [undefined, undefined, 0];
    expect(await world.clock.until(run)).toEqual({ ran: true, value, attempt: undefined });
    expect(told(world).slice(2)).toEqual(['a manual_run']);
    expect(world.eventsOf('manual_run')).toMatchObject([{ outcome: 'succeeded', durationMs: 1_000 }]);
  });

  it('tells of a run that goes on when the next tick is due', async () => {
    const world = new VirtualWorld(3);
    const [a] = workers(world);
    const tick = await nextTick(world);
    await world.clock.until(
      a!.runOnce(at(tick, LONG), () => pause(world, 1.5 * HOUR)),
      2 * HOUR,
    );
    expect(told(world)).toEqual(['a starts 1', 'a run_overrun', 'a succeeded']);
    expect(world.eventsOf('run_overrun')).toMatchObject([{ tick, nextTick: tick + HOUR }]);
  });

  it('ends with the signal of its caller', async () => {
    const world = new VirtualWorld(3);
    const [a, b] = workers(world);
    const tick = await nextTick(world);
    const caller = new AbortController();
    const run = a!.runOnce(at(tick, { signal: caller.signal }), async ({ signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      throw signal.reason;
    });
    await world.clock.advance(100);
    caller.abort(new Error('enough'));
    await expect(world.clock.until(run)).rejects.toThrow('enough');
    const spread = b!.runOnce(at(tick, { signal: caller.signal, spreadMs: 1_000 }), () => 'never');
    await expect(world.clock.until(spread)).rejects.toThrow('enough');
  });

  it('ends its waits when the manager is closed', async () => {
    const world = new VirtualWorld(3);
    const [a, b, c] = workers(world);
    const tick = await nextTick(world);
    const spread = a!.runOnce(at(tick, { spreadMs: HOUR }), () => 'never');
    const failing = b!.runOnce(
      at(tick, { abandoned: 'retry', retryOnError: true, retryDelayMs: HOUR, maxLatenessMs: HOUR }),
      () => Promise.reject(new Error('no disk')),
    );
    const refused = Promise.all([
      ...[spread, failing].map((run) => expect(run).rejects.toBeInstanceOf(LockManagerClosedError)),
      expect(spread).rejects.not.toHaveProperty('cause'),
      // Otherwise nobody would learn why the run failed.
      expect(failing).rejects.toMatchObject({ cause: new Error('no disk') }),
    ]);
    await world.clock.advance(1_000);
    const closedAt = world.clock.now();
    await world.clock.until(Promise.all([a!.close(), b!.close()]));
    await world.clock.until(refused);
    expect(world.clock.now() - closedAt).toBeLessThan(1_000);
    expect(world.eventsOf('run_finished')).toMatchObject([{ outcome: 'failed' }]);
    await world.clock.until(c!.close());
  });

  it('keeps the process alive while it pauses, as a call that waits for a lock does', async () => {
    const world = new VirtualWorld(3);
    const a = world.manager({ holder: 'a' }, () => 0.25);
    const tick = await nextTick(world);
    const timers = jest.spyOn(world.clock, 'setTimer');
    let runs = 0;
    const options = { spreadMs: 1_111, abandoned: 'retry', retryOnError: true, retryDelayMs: 2_222 } as const;
    const run = a.runOnce(at(tick, options), () => {
      if (++runs === 1) throw new Error('no disk');
    });
    await world.clock.until(run);
    const pausesMs = [0.25 * 1_111, 0.75 * 2_222];
    const pauses = (timers.mock.calls as unknown[][]).filter(([, delayMs]) =>
      pausesMs.includes(Number(delayMs)),
    );
    expect(pauses.map(([, delayMs, background]) => [delayMs, background])).toEqual(
      pausesMs.map((delayMs) => [delayMs, undefined]),
    );
  });

  it('waits a random time up to the spread', async () => {
    const world = new VirtualWorld(3);
    const a = world.manager({ holder: 'a' }, () => 0.25);
    const tick = await nextTick(world);
    const run = a.runOnce(at(tick, { spreadMs: 60_000 }), ({ lateMs }) => lateMs);
    expect(await world.clock.until(run)).toMatchObject({ value: 15_004 });
  });

  it('rejects when the manager is closed', async () => {
    const world = new VirtualWorld(3);
    const [a] = workers(world);
    const tick = await nextTick(world);
    await world.clock.until(a!.close());
    await expect(a!.runOnce(at(tick), () => 'never')).rejects.toThrow(LockManagerClosedError);
  });
});

describe('a run that takes too long', () => {
  it('is told by its signal, has failed, and holds the lock until it has ended', async () => {
    const world = new VirtualWorld(3);
    const [a, b] = workers(world);
    const tick = await nextTick(world);
    let reason: unknown;
    const run = a!.runOnce(at(tick, { timeoutMs: 5_000 }), async ({ signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      reason = signal.reason;
      await pause(world, 60_000);
      return 'late';
    });
    await world.clock.advance(30_000);
    expect(reason).toBeInstanceOf(RunTimeoutError);
    expect(await world.clock.until(b!.runOnce(at(tick), () => 'twice'))).toMatchObject({ reason: 'held' });
    await expect(world.clock.until(run)).rejects.toThrow('the run of "nightly" took longer than 5000 ms');
    expect(told(world)).toEqual(['a starts 1', 'a timed_out']);
    expect(await world.clock.until(b!.runOnce(at(tick), () => 'twice'))).toMatchObject({
      reason: 'finished',
    });
  });

  it('keeps the error with which it ended as the cause', async () => {
    const world = new VirtualWorld(3);
    const [a] = workers(world);
    const tick = await nextTick(world);
    const run = a!.runOnce(at(tick, { timeoutMs: 5_000 }), async () => {
      await pause(world, 6_000);
      throw new Error('cut off');
    });
    await expect(world.clock.until(run)).rejects.toMatchObject({
      code: 'RUN_TIMEOUT',
      timeoutMs: 5_000,
      cause: new Error('cut off'),
    });
  });
});

describe('a run that was lost', () => {
  it('rejects although it has returned, and is run again only with retry', async () => {
    for (const abandoned of ['leave', 'retry'] as const) {
      const world = new VirtualWorld(3);
      const [a, b] = workers(world);
      const tick = await nextTick(world);
      const run = a!.runOnce(at(tick, { abandoned }), async ({ signal }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        throw signal.reason;
      });
      await world.clock.advance(100);
      for (const node of world.nodes) node.down();
      const lost = expect(run).rejects.toThrow(LeaseLostError);
      await world.clock.advance(10_000);
      await lost;
      for (const node of world.nodes) node.up();
      await world.clock.advance(20_000);
      const again = await world.clock.until(b!.runOnce(at(tick, { abandoned }), () => 'again'));
      if (abandoned === 'retry') expect(again).toEqual({ ran: true, value: 'again', attempt: 2 });
      else expect(again.ran).toBe(false);
      expect(told(world).slice(0, 2)).toEqual(['a starts 1', 'a lost']);
    }
  });
});

describe('an abandoned tick', () => {
  it('is left by default, and told', async () => {
    const world = new VirtualWorld(3);
    const [a] = workers(world);
    const tick = await nextTick(world);
    await abandon(world, tick);
    await world.clock.advance(20_000);
    expect(await world.clock.until(a!.runOnce(at(tick), () => 'no'))).toMatchObject({ reason: 'abandoned' });
    expect(told(world)).toEqual(['a tick_abandoned policy']);
  });

  it('is run by one of the workers that wait for it, when the lease of the dead one is over', async () => {
    const world = new VirtualWorld(3);
    const all = workers(world);
    const tick = await nextTick(world);
    await abandon(world, tick);
    const runs = all.map((locks) =>
      locks.runOnce(at(tick, { abandoned: 'retry' }), async ({ attempt, lateMs }) => {
        expect(lateMs).toBeGreaterThanOrEqual(10_000);
        await pause(world, 1_000);
        return attempt;
      }),
    );
    const results = await world.clock.until(Promise.all(runs));
    expect(results.filter(({ ran }) => ran)).toEqual([{ ran: true, value: 2, attempt: 2 }]);
    expect(results.flatMap((result) => (result.ran ? [] : [result.reason]))).toEqual([
      'finished',
      'finished',
    ]);
    expect(told(world).filter((line) => line.includes('starts'))).toHaveLength(1);
    expect(told(world).filter((line) => line.includes('abandoned'))).toEqual([
      expect.stringMatching(/tick_abandoned retried$/),
    ]);
  });

  it('is started as often as attempts says, and no more', async () => {
    const world = new VirtualWorld(3);
    const [a, b] = workers(world);
    const tick = await nextTick(world);
    await abandon(world, tick);
    const dead = world.manager({ holder: 'dead-too' });
    await world.clock.advance(20_000);
    await world.clock.until(
      dead.acquire(KEY, { tick, retry: true, attempts: 2, ttlMs: 10_000, autoExtend: false }),
    );
    await world.clock.advance(20_000);
    const twice = a!.runOnce(at(tick, { abandoned: 'retry' }), () => 'no');
    expect(await world.clock.until(twice)).toMatchObject({ ran: false, reason: 'attempts' });
    const thrice = b!.runOnce(at(tick, { abandoned: 'retry', attempts: 3 }), () => 'yes');
    expect(await world.clock.until(thrice)).toEqual({ ran: true, value: 'yes', attempt: 3 });
    expect(told(world)).toContain('a tick_abandoned attempts');
  });

  it('is not run later than maxLateness', async () => {
    const world = new VirtualWorld(3);
    const [a, b] = workers(world);
    const tick = await nextTick(world);
    await abandon(world, tick);
    const waiting = a!.runOnce(at(tick, { abandoned: 'retry', maxLatenessMs: 5_000 }), () => 'no');
    expect(await world.clock.until(waiting)).toMatchObject({ ran: false, reason: 'too_late' });
    await world.clock.advance(HOUR / 2);
    const late = b!.runOnce(at(tick, { abandoned: 'retry' }), () => 'no');
    expect(await world.clock.until(late)).toMatchObject({ ran: false, reason: 'too_late' });
    expect(told(world)).toEqual(['b tick_abandoned too_late']);
  });
});

describe('a run that throws, with retryOnError', () => {
  it('is run again by a worker that waits for it', async () => {
    const world = new VirtualWorld(3);
    const [a, b] = workers(world);
    const tick = await nextTick(world);
    const options = at(tick, { abandoned: 'retry', retryOnError: true });
    const failing = a!.runOnce(options, async () => {
      await pause(world, 1_000);
      throw new Error('no disk');
    });
    await world.clock.advance(100);
    const other = b!.runOnce(options, ({ attempt }) => attempt);
    const failed = expect(failing).rejects.toThrow('no disk');
    expect(await world.clock.until(other)).toEqual({ ran: true, value: 2, attempt: 2 });
    await world.clock.advance(1_000);
    await failed;
    expect(told(world)).toEqual([...['a starts 1', 'a failed', 'b starts 2', 'b succeeded']]);
  });

  it('is run again by its own worker where there is no other one, and fails with the last error', async () => {
    const world = new VirtualWorld(3);
    const [a] = workers(world);
    const tick = await nextTick(world);
    let runs = 0;
    const options = at(tick, { abandoned: 'retry', attempts: 3, retryOnError: true });
    const failing = a!.runOnce(options, () => Promise.reject(new Error(`failure ${++runs}`)));
    await expect(world.clock.until(failing)).rejects.toThrow('failure 3');
    expect(told(world).filter((line) => line.includes('starts'))).toEqual([
      ...['a starts 1', 'a starts 2', 'a starts 3'],
    ]);
  });
});

describe('a tick while an earlier run goes on', () => {
  it('is skipped, and told, where the policy looks at it', async () => {
    const world = new VirtualWorld(3);
    const [a, b] = workers(world);
    const tick = await nextTick(world);
    const long = a!.runOnce(at(tick, LONG), () => pause(world, 1.2 * HOUR));
    const later = await nextTick(world);
    const skipped = b!.runOnce(at(later, { abandoned: 'retry' }), () => 'no');
    expect(await world.clock.until(skipped)).toMatchObject({ ran: false, reason: 'overlap' });
    await world.clock.until(long, HOUR);
    expect(told(world)).toEqual([...['a starts 1', 'a run_overrun', 'b tick_missed overlap', 'a succeeded']]);
  });

  it('waits, and runs late on one worker', async () => {
    const world = new VirtualWorld(3);
    const all = workers(world);
    const tick = await nextTick(world);
    const long = all[0]!.runOnce(at(tick, LONG), () => pause(world, 1.2 * HOUR));
    const later = await nextTick(world);
    const runs = all.map((locks) =>
      locks.runOnce(at(later, { overlap: 'wait' }), async ({ lateMs }) => {
        await pause(world, 1_000);
        return Math.round(lateMs / 60_000);
      }),
    );
    const results = await world.clock.until(Promise.all(runs), HOUR);
    expect(results.flatMap((result) => (result.ran ? [result.value] : []))).toEqual([12]);
    expect(await long).toMatchObject({ ran: true });
  });

  it('waits no longer than it may be late', async () => {
    const world = new VirtualWorld(3);
    const [a, b] = workers(world);
    const tick = await nextTick(world);
    const long = a!.runOnce(at(tick, LONG), () => pause(world, 1.2 * HOUR));
    const later = await nextTick(world);
    const waiting = b!.runOnce(at(later, { overlap: 'wait', maxLatenessMs: 60_000 }), () => 'no');
    expect(await world.clock.until(waiting)).toMatchObject({ ran: false, reason: 'too_late' });
    expect(told(world)).toContain('b tick_missed overlap');
    await world.clock.until(long, HOUR);
  });
});

describe('a tick without a majority of the nodes', () => {
  it('fails by default', async () => {
    const world = new VirtualWorld(3);
    const [a] = workers(world);
    const tick = await nextTick(world);
    for (const node of world.nodes) node.down();
    await expect(world.clock.until(a!.runOnce(at(tick), () => 'no'))).rejects.toThrow(QuorumUnreachableError);
    expect(told(world)).toEqual([]);
  });

  it('is run once when the nodes are back, with missed once', async () => {
    const world = new VirtualWorld(3);
    const all = workers(world);
    const tick = await nextTick(world);
    for (const node of world.nodes) node.down();
    const runs = all.map((locks) =>
      locks.runOnce(at(tick, { missed: 'once' }), async ({ lateMs }) => {
        await pause(world, 1_000);
        return lateMs;
      }),
    );
    await world.clock.advance(600_000);
    for (const node of world.nodes) node.up();
    const results = await world.clock.until(Promise.all(runs));
    const late = results.flatMap((result) => (result.ran ? [result.value] : []));
    expect(late).toHaveLength(1);
    expect(late[0]).toBeGreaterThanOrEqual(600_000);
  });

  it('fails when it is too late, and is told as missed', async () => {
    const world = new VirtualWorld(3);
    const [a] = workers(world);
    const tick = await nextTick(world);
    for (const node of world.nodes) node.down();
    const run = a!.runOnce(at(tick, { missed: 'once', maxLatenessMs: 5_000 }), () => 'no');
    await expect(world.clock.until(run)).rejects.toThrow(QuorumUnreachableError);
    expect(told(world)).toEqual(['a tick_missed unreachable']);
  });

  it.each<[string, Partial<RunOnceOptions>]>([
    ['by default', {}],
    ['with missed: once', { missed: 'once', maxLatenessMs: HOUR }],
    ['with abandoned: retry', { abandoned: 'retry', maxLatenessMs: HOUR }],
  ])('fails at once when two of three nodes have forgotten the tick, and says so: %s', async (_, policy) => {
    const world = new VirtualWorld(3);
    const [a, b] = workers(world);
    const tick = await nextTick(world);
    const forget = (count: number): void =>
      world.nodes.slice(0, count).forEach((node) => {
        node.behaviour = { ...node.behaviour, forgotTick: tick };
      });
    forget(2);
    const run = a!.runOnce(at(tick, policy), () => 'no');
    await expect(world.clock.until(run)).rejects.toThrow(/lost its memory after this tick was due/);
    expect(told(world)).toEqual(['a tick_missed forgotten']);
    // The next tick is none of those that may be forgotten.
    const next = b!.runOnce(at(await nextTick(world), policy), () => 'yes');
    expect(await world.clock.until(next)).toMatchObject({ ran: true, value: 'yes' });
  });

  it('runs a tick that one node of three has forgotten', async () => {
    const world = new VirtualWorld(3);
    const [a] = workers(world);
    const tick = await nextTick(world);
    world.nodes[0]!.behaviour = { ...world.nodes[0]!.behaviour, forgotTick: tick };
    expect(await world.clock.until(a!.runOnce(at(tick), () => 'yes'))).toMatchObject({ ran: true });
  });

  it('fails when the next tick has come, although it is not too late: never a backlog', async () => {
    const world = new VirtualWorld(3);
    const all = workers(world);
    const first = await nextTick(world);
    for (const node of world.nodes) node.down();
    // An hour of attempts: with the default pause there would be tens of thousands.
    const policy = { missed: 'once', maxLatenessMs: 4 * HOUR, retryDelayMs: 5_000 } as const;
    const ran: number[] = [];
    const ask = (tick: number) =>
      Promise.allSettled(all.map((locks) => locks.runOnce(at(tick, policy), () => ran.push(tick))));
    const early = ask(first);
    await world.clock.advance(HOUR);
    const late = ask(first + HOUR);
    await world.clock.advance(60_000);
    for (const node of world.nodes) node.up();
    await world.clock.until(Promise.all([early, late]));
    expect(ran).toEqual([first + HOUR]);
    const missed = told(world).filter((line) => line.includes('tick_missed'));
    expect(missed).toEqual(['a', 'b', 'c'].map((holder) => `${holder} tick_missed unreachable`));
  });
});

describe('bad options of runOnce', () => {
  const now = 1_700_000_000_000;
  it.each<[string, object, string]>([
    [
      'no tick',
      { tick: undefined },
      "runOnce needs a tick: the scheduled time of the run in epoch milliseconds, or 'manual'",
    ],
    ['a tick that is no number', { tick: '7' }, "tick must be a number, got '7'"],
    ['a tick in seconds', { tick: 1_700_003_600 }, 'tick must be in epoch milliseconds, got 1700003600'],
    ['a tick in the far future', { tick: 8e15 }, 'ahead of the clock of this machine; the bound is 60 s'],
    ['a next tick before the tick', { tick: 7, nextTick: 7 }, 'nextTick must be an integer from 8'],
    ['an option that does not exist', { catchUp: true }, 'runOnce: unknown option "catchUp"'],
    ['retry, which acquire has', { retry: true }, 'runOnce: unknown option "retry"'],
    ['attempts without retry', { attempts: 3 }, "attempts (3) needs abandoned: 'retry', got 'leave'"],
    [
      'too many attempts',
      { attempts: 1_001, abandoned: 'retry' },
      'attempts must be an integer from 1 to 1000, got 1001',
    ],
    [
      'retryOnError without retry',
      { retryOnError: true },
      "retryOnError (true) needs abandoned: 'retry', got 'leave'",
    ],
    [
      'maxLateness with nothing late',
      { maxLatenessMs: 7 },
      "maxLatenessMs (7) needs missed: 'once', abandoned: 'retry' or overlap: 'wait'",
    ],
    ['another missed', { missed: 'all' }, "missed must be 'skip' or 'once', got 'all'"],
    ['another abandoned', { abandoned: true }, "abandoned must be 'leave' or 'retry', got true"],
    ['another overlap', { overlap: 'queue' }, "overlap must be 'skip' or 'wait', got 'queue'"],
    ['a timeout of nothing', { timeoutMs: 0 }, 'timeoutMs must be an integer from 1'],
    ['a negative spread', { spreadMs: -1 }, 'spreadMs must be an integer from 0'],
    ['a key that is no resource', { key: '' }, 'key must have 1 to 512 bytes, got 0'],
    ['no key', { key: undefined }, 'key must be a string, got undefined'],
    ['a bad option of acquire', { ttlMs: 1 }, 'ttlMs must be an integer from 10'],
  ])('%s', async (_, options, message) => {
    const locks = new VirtualWorld(3).manager();
    const run = locks.runOnce({ key: KEY, tick: now, ...options }, () => 'no');
    await expect(run).rejects.toThrow(message);
  });

  it('no routine', async () => {
    const locks = new VirtualWorld(3).manager();
    const run = locks.runOnce({ key: KEY, tick: now }, undefined as never);
    await expect(run).rejects.toThrow('runOnce takes a routine');
  });
});

describe('assertRunOptions', () => {
  it.each<[string, object, string]>([
    ['a TTL as a text', { ttlMs: '30' }, "ttlMs must be a number, got '30'"],
    ['a wait that is no number', { waitMs: NaN }, 'waitMs must be an integer from 0'],
    ['a negative hold', { minHoldMs: -1 }, 'minHoldMs must be an integer from 0'],
    ['no longest hold', { maxHoldMs: 0 }, 'maxHoldMs must be an integer from 1'],
    ['holds that no TTL fits', { ttlMs: 1_000, maxHoldMs: 500 }, 'maxHoldMs (500) must not be below ttlMs'],
    ['a node timeout as a text', { nodeTimeoutMs: '5' }, "nodeTimeoutMs must be a number, got '5'"],
    ['a signal that is none', { signal: 'x' }, "signal must be an AbortSignal, got 'x'"],
    ['options that exclude each other', { waitMs: 5, retries: 3 }, 'exclude each other'],
    ['a bad name', { name: '' }, 'name must have 1 to 128 characters'],
    ['a tick, which the scheduler gives', { tick: 5 }, 'runOnce: unknown option "tick"'],
    ['the tick after it', { nextTick: 5 }, 'runOnce: unknown option "nextTick"'],
  ])('refuses %s', (_, options, message) => {
    expect(() => assertRunOptions({ key: KEY, ...options })).toThrow(message);
  });

  it.each<[string, object]>([
    ['a hold longer than the TTL by default', { minHoldMs: 120_000 }],
    ['a longest hold below the TTL by default', { maxHoldMs: 5_000 }],
    ['a short TTL', { ttlMs: 10 }],
  ])('takes what depends on the manager: %s', (_, options) => {
    expect(() => assertRunOptions({ key: KEY, ...options })).not.toThrow();
  });
});
