import { mock } from 'node:test';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { systemClock, testLocks } from '../../src/testing/index.js';

afterEach(() => {
  jest.useRealTimers();
  mock.timers.reset();
});

/** Everything that a test does with locks, on the clock that the test turns. */
async function story(): Promise<unknown[]> {
  const locks = testLocks({ ttlMs: 9_000 });
  const lease = await locks.manager.acquire('a');
  await locks.clock.advance(60_000);
  const remainingMs = lease.remainingMs();
  await locks.lose('a');
  const other = await locks.hold('b');
  const waiting = locks.manager.withLock('b', { waitMs: 60_000 }, async () => 'got it');
  await locks.clock.advance(1_000);
  await other.release();
  const waited = await waiting;
  await locks.unreachable();
  await locks.manager.acquire('c').catch(() => undefined);
  await locks.recover();
  await locks.close();
  return [remainingMs > 0, waited, ...locks.calls.map(({ state }) => state)];
}

const STORY = [true, 'got it', 'lost', 'released', 'failed'];

describe.each<[string, () => void]>([
  ['no fake timers', () => undefined],
  ['all that Jest fakes', () => void jest.useFakeTimers()],
  ['the legacy fakes of Jest', () => void jest.useFakeTimers({ legacyFakeTimers: true })],
  // The same library and the same list as in `vi.useFakeTimers()`.
  ['what Vitest fakes', () => void jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'] })],
  [
    'the mock timers of node:test',
    () => mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate', 'Date'] }),
  ],
])('testLocks() under %s', (_, fake) => {
  it('locks are acquired, waited for, extended, lost and refused, and no fake timer has to be turned', async () => {
    fake();
    expect(await story()).toEqual(STORY);
  });

  it('the kit may be loaded when the timers are faked already', async () => {
    fake();
    jest.resetModules();
    const fresh = await import('../../src/testing/index.js');
    const locks = fresh.testLocks();
    await locks.manager.withLock('a', async () => undefined);
    await locks.clock.advance(60_000);
    expect(locks.ran('a')).toBe(1);
    await locks.close();
  });
});

it('with systemClock, time is that of the fake timers', async () => {
  jest.useFakeTimers();
  const locks = testLocks({ clock: systemClock, ttlMs: 9_000 });
  const extended = await locks.manager.acquire('extended');
  const ending = await locks.manager.acquire('ending', { autoExtend: false });
  await jest.advanceTimersByTimeAsync(60_000);
  expect(extended.remainingMs()).toBeGreaterThan(0);
  expect(ending.signal.reason).toMatchObject({ reason: 'not_extended' });
  await locks.lose('extended');
  await jest.advanceTimersByTimeAsync(9_000);
  expect(extended.signal.reason).toMatchObject({ reason: 'taken' });
  await locks.close();
});
