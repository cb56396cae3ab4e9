import { AsyncLocalStorage, createHook } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { systemClock } from '../src/clock.js';
import { SpareTimers } from '../src/spare-timers.js';

const fired = (timers: SpareTimers, delayMs: number): Promise<void> =>
  new Promise((resolve) => void timers.set(resolve, delayMs));

/** How many timers of Node are set while `act` runs. */
function countTimers(act: () => void): number {
  let count = 0;
  const init = (_id: number, type: string): void => void (type === 'Timeout' && count++);
  const hook = createHook({ init }).enable();
  act();
  hook.disable();
  return count;
}

const keepingAlive = (): number =>
  process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;

afterEach(() => {
  jest.useRealTimers();
});

describe('timers that are nearly always cancelled', () => {
  it('share a timer of Node, one after the other', () => {
    const timers = new SpareTimers();
    const act = (): void => {
      for (let n = 0; n < 100; n++) timers.set(() => undefined, 1_000 + n).cancel();
    };
    expect(countTimers(act)).toBe(1);
  });

  it('have a timer each while they are set together', () => {
    const timers = new SpareTimers();
    const act = (): void => {
      const set = [1, 2, 3].map((n) => timers.set(() => undefined, 1_000 * n));
      for (const timer of set) timer.cancel();
    };
    expect(countTimers(act)).toBe(3);
    expect(countTimers(act)).toBeLessThan(3);
  });

  it('call back when they are due, although the timer of Node fires before', async () => {
    const timers = new SpareTimers();
    const early = jest.fn();
    timers.set(early, 5).cancel();
    const setAt = performance.now();
    await fired(timers, 40);
    expect(performance.now() - setAt).toBeGreaterThanOrEqual(40);
    expect(early).not.toHaveBeenCalled();
  });

  it('do not wait for a timer of Node that fires too late', async () => {
    const timers = new SpareTimers();
    timers.set(() => undefined, 3_600_000).cancel();
    await fired(timers, 5);
  });

  it('call back once; to cancel them afterwards or twice does nothing to the next one', async () => {
    const timers = new SpareTimers();
    const first = timers.set(() => undefined, 1_000);
    first.cancel();
    const callback = jest.fn();
    const second = timers.set(callback, 1_005);
    first.cancel();
    const third = timers.set(() => undefined, 2);
    await fired(timers, 5);
    third.cancel();
    expect(callback).not.toHaveBeenCalled();
    second.cancel();
    let calls = 0;
    const last = timers.set(() => calls++, 5);
    while (calls === 0) await sleep(5);
    last.cancel();
    await sleep(20);
    expect(calls).toBe(1);
  });

  it('go on after a spare one has fired', async () => {
    const timers = new SpareTimers();
    timers.set(() => undefined, 1).cancel();
    await sleep(20);
    await fired(timers, 2);
  });

  it('keep the process alive until they are cancelled, and not after that', () => {
    const timers = new SpareTimers();
    const before = keepingAlive();
    const timer = timers.set(() => undefined, 1_000);
    expect(keepingAlive()).toBe(before + 1);
    timer.cancel();
    expect(keepingAlive()).toBe(before);
    const next = timers.set(() => undefined, 2_000);
    expect(keepingAlive()).toBe(before + 1);
    next.cancel();
    expect(keepingAlive()).toBe(before);
  });

  it('never keep the process alive if they are made so, also where they wait on', async () => {
    const timers = new SpareTimers({ keepProcess: false });
    const before = keepingAlive();
    timers.set(() => undefined, 1).cancel();
    let calls = 0;
    // The timer of Node that it takes fires before it is due, and is set again.
    timers.set(() => calls++, 100);
    expect(keepingAlive()).toBe(before);
    // Fewer: a timer that another test left may end meanwhile.
    while (calls === 0) {
      await sleep(5);
      expect(keepingAlive()).toBeLessThanOrEqual(before);
    }
    timers.set(() => undefined, 1_000).cancel();
    expect(keepingAlive()).toBeLessThanOrEqual(before);
  });

  it('call back outside of the async contexts of those who set them', async () => {
    const context = new AsyncLocalStorage<string>();
    const timers = new SpareTimers();
    const seen = (delayMs: number): Promise<string | undefined> =>
      new Promise((resolve) => void timers.set(() => resolve(context.getStore()), delayMs));
    expect(await context.run('a request', () => seen(2))).toBeUndefined();
    context.run('a request', () => timers.set(() => undefined, 1).cancel());
    expect(await context.run('another one', () => seen(10))).toBeUndefined();
  });
});

describe('a shared timer of the system clock', () => {
  it('is one of these', () => {
    const act = (): void => {
      for (let n = 0; n < 10; n++) systemClock.setTimer(() => undefined, 1_000, 'shared').cancel();
    };
    expect(countTimers(act)).toBeLessThanOrEqual(1);
  });

  it('is seen by a test that fakes timers, and real once the test has put these back', async () => {
    systemClock.setTimer(() => undefined, 1).cancel();
    jest.useFakeTimers();
    const faked = jest.fn();
    systemClock.setTimer(faked, 1_000, 'shared');
    systemClock.setTimer(() => undefined, 1_000, 'shared').cancel();
    jest.advanceTimersByTime(1_000);
    expect(faked).toHaveBeenCalledTimes(1);
    jest.useRealTimers();
    await new Promise<void>((resolve) => void systemClock.setTimer(resolve, 5, 'shared'));
  });

  it.each(['shared', 'shared background'] as const)(
    'fires in time (%s) though a test fakes timers, and with them the clock, for a while',
    async (kind) => {
      const callback = jest.fn();
      systemClock.setTimer(callback, 5, kind);
      jest.useFakeTimers();
      while (callback.mock.calls.length === 0) await sleep(5);
    },
  );
});
