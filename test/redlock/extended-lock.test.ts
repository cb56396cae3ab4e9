import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ExtendedLock } from '../../src/redlock/extended-lock.js';

const release = (): Promise<void> => Promise.resolve();

/** How long after its acquisition a lock is extended for the first time, in milliseconds. */
async function firstExtensionAfter(duration: number, thresholdMs: number): Promise<number> {
  const began = Date.now();
  let extendedAt: number | undefined;
  const lock = { expiration: began + duration, release };
  const extend = (): Promise<typeof lock> => {
    extendedAt ??= Date.now();
    return Promise.resolve({ expiration: Date.now() + duration, release });
  };
  const extended = new ExtendedLock(lock, undefined, extend, duration, thresholdMs);
  await jest.advanceTimersByTimeAsync(duration);
  await extended.end();
  return extendedAt! - began;
}

describe('the lock of using', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  it('is extended at the threshold', async () => {
    expect(await firstExtensionAfter(30_000, 10_000)).toBe(20_000);
    expect(await firstExtensionAfter(10_000, 500)).toBe(9_500);
  });

  it('is extended half a second before it expires, if the threshold is shorter', async () => {
    expect(await firstExtensionAfter(10_000, 0)).toBe(9_500);
    expect(await firstExtensionAfter(1_000, 100)).toBe(500);
  });

  it('is extended after half of a short duration, if the threshold is shorter', async () => {
    expect(await firstExtensionAfter(300, 100)).toBe(150);
    expect(await firstExtensionAfter(300, 200)).toBe(100);
  });
});
