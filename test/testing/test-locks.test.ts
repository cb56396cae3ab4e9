import { afterEach, describe, expect, it } from '@jest/globals';
import { LeaseLostError, LockNotAcquiredError, QuorumUnreachableError } from '../../src/index.js';
import {
  systemClock,
  TestClock,
  testLocks,
  type TestLocks,
  type TestLocksOptions,
} from '../../src/testing/index.js';

const open: TestLocks[] = [];

const make = (options: TestLocksOptions = {}): TestLocks => {
  const locks = testLocks(options);
  open.push(locks);
  return locks;
};

afterEach(async () => {
  await Promise.all(open.splice(0).map((locks) => locks.close()));
});

describe('testLocks()', () => {
  it('a free lock is acquired, with a token, on all three nodes', async () => {
    const locks = make();
    const lease = await locks.manager.acquire('report');
    expect(lease.token).toBeGreaterThan(0);
    expect(lease.fallback).toBe(false);
    expect(locks.manager.health()).toMatchObject({ status: 'up', ready: 3, nodes: 3 });
    await lease.release();
    expect(locks.calls).toEqual([{ name: 'unnamed', resources: ['report'], state: 'released', ran: true }]);
  });

  it('a lock that another worker holds is refused, with its owner, until that worker releases it', async () => {
    const locks = make();
    const other = await locks.hold('report', { owner: 'web-2' });
    const error = await locks.manager
      .acquire('report', { name: 'Report' })
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LockNotAcquiredError);
    expect(error).toMatchObject({ reason: 'held', owner: 'web-2' });
    expect(locks.callsOf('Report')).toEqual([
      { name: 'Report', resources: ['report'], state: 'skipped', ran: false, reason: 'held', owner: 'web-2' },
    ]);
    await other.release();
    await locks.manager.withLock('report', async () => undefined);
    expect(locks.ran('report')).toBe(1);
  });

  it('a call that waits gets the lock when the other worker releases it', async () => {
    const locks = make();
    const other = await locks.hold('report');
    const waiting = locks.manager.withLock('report', { waitMs: 5_000 }, async () => 'ran');
    await locks.clock.advance(10);
    expect(locks.callsOf('report')[0]?.state).toBe('asking');
    await other.release();
    expect(await waiting).toBe('ran');
  });

  it('what another worker holds for a while is free after that', async () => {
    const locks = make();
    await locks.hold('report', { ttlMs: 5_000 });
    expect(await locks.manager.tryAcquire('report')).toBeNull();
    await locks.clock.advance(5_001);
    expect(await locks.manager.tryAcquire('report')).not.toBeNull();
  });

  it('a lease that is lost aborts its signal, and the call rejects', async () => {
    const locks = make();
    let reason: unknown;
    const running = locks.manager.withLock(
      'report',
      ({ signal }) =>
        new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => {
            reason = signal.reason;
            resolve();
          });
        }),
    );
    const outcome = expect(running).rejects.toThrow(LeaseLostError);
    await locks.clock.advance(1);
    await locks.lose('report');
    await outcome;
    expect(reason).toMatchObject({ reason: 'taken' });
    expect(locks.callsOf('report')).toMatchObject([{ state: 'lost', reason: 'taken', ran: true }]);
    expect(await locks.manager.tryAcquire('report')).toBeNull();
  });

  it('without automatic extension a lease that another one took is lost at its end', async () => {
    const locks = make();
    const lease = await locks.manager.acquire('report', { autoExtend: false, ttlMs: 5_000 });
    await locks.lose('report');
    expect(lease.signal.reason).toMatchObject({ reason: 'not_extended' });
  });

  it('with all nodes unreachable a call fails, and a lease is lost when its time has passed', async () => {
    const locks = make();
    const lease = await locks.manager.acquire('held');
    await locks.unreachable();
    await expect(locks.manager.acquire('other')).rejects.toThrow(QuorumUnreachableError);
    expect(locks.callsOf('other')).toMatchObject([{ state: 'failed', reason: 'unreachable', ran: false }]);
    expect(locks.manager.health().status).toBe('down');
    await locks.clock.advance(30_000);
    expect(lease.signal.reason).toMatchObject({ reason: 'unreachable' });
    await locks.recover();
    await (await locks.manager.acquire('other')).release();
  });

  it('with one node of three unreachable everything works, and health is degraded', async () => {
    const locks = make();
    await locks.unreachable(1);
    expect(locks.manager.health().status).toBe('degraded');
    expect(locks.manager.nodes().map(({ status }) => status)).toEqual(['ready', 'ready', 'unreachable']);
    await (await locks.manager.acquire('report')).release();
  });

  it('grants of nodes in quarantine do not count', async () => {
    const locks = make();
    await locks.quarantine(2);
    const error = await locks.manager.acquire('report').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(QuorumUnreachableError);
    expect(locks.callsOf('report')).toMatchObject([{ state: 'failed', reason: 'untrusted' }]);
    await locks.recover();
    await (await locks.manager.acquire('report')).release();
  });

  it('time passes when the test says so: a lease is extended, and without that it runs out', async () => {
    const locks = make();
    const extended = await locks.manager.acquire('extended', { ttlMs: 10_000 });
    const other = await locks.manager.acquire('other', { ttlMs: 10_000, autoExtend: false });
    await locks.clock.advance(60_000);
    expect(extended.remainingMs()).toBeGreaterThan(0);
    expect(other.remainingMs()).toBe(0);
  });

  it('a run of a tick is recorded with its tick and its end', async () => {
    const locks = make({ clock: new TestClock(Date.UTC(2026, 0, 1, 12)) });
    const tick = Date.UTC(2026, 0, 1, 12);
    const run = { key: 'nightly', tick, nextTick: tick + 60_000 };
    await locks.manager.runOnce(run, async () => 'done');
    expect(await locks.manager.runOnce(run, async () => 'twice')).toMatchObject({ ran: false });
    await expect(
      locks.manager.runOnce({ key: 'failing', tick, nextTick: tick + 60_000 }, () =>
        Promise.reject(new Error('no')),
      ),
    ).rejects.toThrow('no');
    expect(locks.callsOf('nightly')).toMatchObject([
      { tick, run: 'succeeded', ran: true },
      { state: 'skipped', reason: 'already_ran', ran: false },
    ]);
    expect(locks.callsOf('failing')).toMatchObject([{ run: 'failed', ran: true }]);
  });

  it('the history of a job has its runs, and cannot be told while a majority is unreachable', async () => {
    const tick = Date.UTC(2026, 0, 1, 12);
    const locks = make({ holder: 'web-1', clock: new TestClock(tick) });
    await locks.manager.runOnce({ key: 'nightly', tick }, () => undefined);
    const runs = [expect.objectContaining({ tick, worker: 'web-1', outcome: 'succeeded' })];
    expect(await locks.manager.history('nightly')).toEqual(runs);
    await locks.unreachable(1);
    expect(await locks.manager.history('nightly')).toEqual(runs);
    await locks.unreachable(2);
    await expect(locks.manager.history('nightly')).rejects.toThrow(QuorumUnreachableError);
    await locks.recover();
    await locks.quarantine();
    expect(await locks.manager.history('nightly')).toEqual(runs);
  });

  it('a reset makes all nodes vote, frees what others hold, and forgets the calls', async () => {
    const locks = make();
    await locks.hold('report');
    await locks.manager.tryAcquire('report');
    await locks.quarantine();
    await locks.reset();
    expect(locks.calls).toEqual([]);
    expect(locks.events).toEqual([]);
    expect(await locks.manager.tryAcquire('report')).not.toBeNull();
  });

  it('what makes no sense is refused with a reason', async () => {
    const locks = make();
    await locks.manager.acquire('mine');
    await locks.hold('theirs');
    await expect(locks.hold('mine')).rejects.toThrow('"mine" is held by');
    await expect(locks.hold('theirs')).rejects.toThrow('@another-worker');
    await expect(locks.lose('theirs')).rejects.toThrow('does not hold it');
    await expect(locks.lose('free')).rejects.toThrow('does not hold it');
    await expect(locks.hold('')).rejects.toThrow();
    await expect(locks.unreachable(4)).rejects.toThrow('nodes must be an integer from 0 to 3, got 4');
    await expect(locks.clock.advance(-1)).rejects.toThrow('byMs must be a finite number from 0, got -1');
    expect(() => new TestClock(Number.NaN)).toThrow('wallMs must be a finite number, got NaN');
  });

  it.each([
    [null, 'testLocks takes an object of options, got null'],
    [{ clock: {} }, 'clock must be a TestClock, systemClock, or another Clock'],
    [{ clock: null }, 'clock must be a TestClock, systemClock, or another Clock'],
    [{ nodes: [] }, 'testLocks has nodes of its own: leave the option nodes out'],
  ])('%j is no options of testLocks()', (options, message) => {
    expect(() => testLocks(options as never)).toThrow(new TypeError(message));
  });

  it.each([
    [null, 'hold takes an object of options, got null'],
    [{ ttl: 30 }, 'hold: unknown option "ttl"; the options are owner, ttlMs'],
    [{ owner: 'a b' }, "owner must be 1 to 128 printable ASCII characters without spaces, got 'a b'"],
    [{ ttlMs: Number.NaN }, 'ttlMs must be an integer from 1, got NaN'],
  ])('%j holds nothing', async (options, message) => {
    const locks = make();
    await expect(locks.hold('a', options as never)).rejects.toThrow(message);
    expect(await locks.manager.tryAcquire('a')).not.toBeNull();
  });

  it.each([Number.NaN, '5', undefined, null, Number.POSITIVE_INFINITY])(
    'a time of %p turns no clock: it would stop for good',
    async (time) => {
      const clock = new TestClock();
      const before = clock.stamp();
      await expect(clock.advance(time as number)).rejects.toThrow('byMs must be a finite number from 0');
      expect(() => clock.freeze(time as number)).toThrow('forMs must be a finite number from 0');
      expect(() => clock.stepWall(time as number)).toThrow('byMs must be a finite number');
      expect(clock.stamp()).toEqual(before);
    },
  );

  it('with the clock of the machine, lose() takes the keys, and the loss comes by itself', async () => {
    await using locks = testLocks({ clock: systemClock, ttlMs: 60, nodeTimeoutMs: 20 });
    const lease = await locks.manager.acquire('report');
    const lost = new Promise((resolve) => lease.signal.addEventListener('abort', resolve));
    await locks.lose('report');
    await lost;
    expect(locks.callsOf('report')).toMatchObject([{ state: 'lost' }]);
  });
});

describe('TestClock', () => {
  it('fires timers in the order in which they are due, then in that in which they were set', async () => {
    const clock = new TestClock();
    const fired: string[] = [];
    clock.setTimer(() => fired.push('20'), 20);
    clock.setTimer(() => fired.push('10 a'), 10);
    clock.setTimer(() => {
      fired.push('10 b');
      clock.setTimer(() => fired.push('15'), 5);
    }, 10);
    clock.setTimer(() => fired.push('cancelled'), 12).cancel();
    await clock.advance(19);
    expect(fired).toEqual(['10 a', '10 b', '15']);
    clock.freeze(100);
    expect(fired).toHaveLength(3);
    await clock.advance(0);
    expect(fired.at(-1)).toBe('20');
  });

  it('a step of the time of day leaves the monotonic time alone', () => {
    const clock = new TestClock(1_000);
    const before = clock.stamp();
    clock.stepWall(500);
    expect(clock.stamp()).toEqual({ ...before, wallMs: 1_500 });
  });
});
