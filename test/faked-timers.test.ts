import { createHook } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { systemClock, type TimerKind } from '../src/clock.js';
import { LeaseScheduler } from '../src/lock/lease/lease-scheduler.js';
import { until } from './support/until.js';

const realTimeout = setTimeout;

/** What node:test does: the timers are faked, and the clock goes on. */
const fakeByHand = (): void => {
  globalThis.setTimeout = (() => ({ unref: () => ({}) })) as unknown as typeof realTimeout;
};
const unfakeByHand = (): void => void (globalThis.setTimeout = realTimeout);

afterEach(() => {
  unfakeByHand();
  jest.useRealTimers();
});

const setTimer = (callback: () => void, delayMs: number, kind: TimerKind = 'shared background') =>
  systemClock.setTimer(callback, delayMs, kind);

describe.each<[string, () => void, () => void]>([
  ['Jest', () => void jest.useFakeTimers(), () => void jest.useRealTimers()],
  [
    'the legacy fakes of Jest',
    () => void jest.useFakeTimers({ legacyFakeTimers: true }),
    () => void jest.useRealTimers(),
  ],
  ['hand', fakeByHand, unfakeByHand],
])('a background timer that was set while the timers were faked by %s', (_name, fake, unfake) => {
  it.each(['background', 'shared background'] as const)(
    'fires when the real ones are back: %s',
    async (kind) => {
      fake();
      let count = 0;
      setTimer(() => count++, 5, kind);
      await sleep(20);
      expect(count).toBe(0);
      unfake();
      await until(() => count === 1);
      await sleep(20);
      expect(count).toBe(1);
    },
  );

  it('does not fire once it was cancelled', async () => {
    fake();
    const callback = jest.fn();
    const timer = setTimer(callback, 1);
    await sleep(5);
    timer.cancel();
    unfake();
    await sleep(30);
    expect(callback).not.toHaveBeenCalled();
  });
});

it('a background timer fires once when a test turns the faked time, and not again with the real timers', async () => {
  jest.useFakeTimers();
  const callback = jest.fn();
  setTimer(callback, 5);
  jest.advanceTimersByTime(5);
  expect(callback).toHaveBeenCalledTimes(1);
  jest.useRealTimers();
  await sleep(30);
  expect(callback).toHaveBeenCalledTimes(1);
});

it('a background timer fires once in a process whose timers are wrapped for good', async () => {
  globalThis.setTimeout = ((...given: Parameters<typeof realTimeout>) =>
    realTimeout(...given)) as typeof realTimeout;
  const callback = jest.fn();
  setTimer(callback, 5);
  await until(() => callback.mock.calls.length > 0);
  await sleep(30);
  expect(callback).toHaveBeenCalledTimes(1);
});

it('no timer of Node is set for longer than Node can: it would fire at once', () => {
  fakeByHand();
  const delays: unknown[] = [];
  const init = (_id: number, type: string, _trigger: number, timer: object): void =>
    void (type === 'Timeout' && delays.push(Reflect.get(timer, '_idleTimeout')));
  const hook = createHook({ init }).enable();
  setTimer(() => undefined, 30 * 24 * 3_600_000, 'background').cancel();
  hook.disable();
  expect(delays).toEqual([2 ** 31 - 1]);
});

it('what the scheduler of leases was to wake while the timers were faked is woken after that', async () => {
  const scheduler = new LeaseScheduler(systemClock);
  let woken = 0;
  const wake = (now: number): number | undefined => (++woken < 2 ? now + 5 : undefined);
  scheduler.schedule({ due: undefined, dueIndex: 0, wake }, systemClock.now() + 5);
  fakeByHand();
  await until(() => woken === 1);
  await sleep(20);
  expect(woken).toBe(1);
  unfakeByHand();
  await until(() => woken === 2);
});
