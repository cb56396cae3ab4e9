import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { jitteredMs, reconnectDelayMs, yieldDelayMs } from '../../src/core/backoff.js';
import { naiveDoubled } from './naive.js';

/** As Math.random gives it: from 0, without 1. */
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const MIDDLE = 0.5;

describe('jitteredMs', () => {
  it('lies between half and one and a half times the delay', () => {
    expect(jitteredMs(100, 0)).toBe(50);
    expect(jitteredMs(100, MIDDLE)).toBe(100);
    fc.assert(
      fc.property(fc.nat(60_000), random, (delayMs, at) => {
        expect(jitteredMs(delayMs, at)).toBeGreaterThanOrEqual(delayMs / 2);
        expect(jitteredMs(delayMs, at)).toBeLessThanOrEqual(delayMs * 1.5);
      }),
    );
  });

  it('sends clients that failed together apart', () => {
    expect(jitteredMs(100, 0.2)).not.toBe(jitteredMs(100, 0.7));
  });
});

describe('settleDelayMs', () => {
  it.each([
    ['the first look comes after two round trips', 0, 3, 6],
    ['each look waits twice as long', 1, 3, 12],
    ['each look waits twice as long', 2, 3, 24],
    ['a round that took no time still waits 2 ms: no hot loop', 0, 0, 2],
    ['a slow round does not make it slower than 50 ms', 0, 250, 50],
    ['a late look does not either', 9, 3, 50],
    ['nor one that doubled beyond all numbers', 5_000, 3, 50],
  ])('%s', (_claim, look, roundMs, delayMs) => {
    expect(yieldDelayMs(look, roundMs, MIDDLE)).toBe(delayMs);
  });

  it('is the naive doubling, jittered, and never above 75 ms', () => {
    fc.assert(
      fc.property(fc.nat(40), fc.nat(1_000), random, (look, roundMs, at) => {
        const delay = yieldDelayMs(look, roundMs, at);
        expect(delay).toBeCloseTo(naiveDoubled(Math.max(2, roundMs + roundMs), 50, look) * (0.5 + at), 6);
        expect(delay).toBeLessThanOrEqual(75);
        expect(delay).toBeGreaterThanOrEqual(1);
      }),
    );
  });
});

describe('reconnectDelayMs', () => {
  it.each([
    [1, 50],
    [2, 100],
    [3, 200],
    [4, 400],
    [5, 800],
    [6, 1_000],
    [1_000_000, 1_000],
  ])('the pause before attempt %i is %i ms', (attempt, delayMs) => {
    expect(reconnectDelayMs(attempt, MIDDLE)).toBe(delayMs);
  });

  it('is the naive doubling, jittered: never a hot loop, never above a second and a half', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), random, (attempt, at) => {
        const delay = reconnectDelayMs(attempt, at);
        expect(delay).toBeCloseTo(naiveDoubled(50, 1_000, attempt - 1) * (0.5 + at), 6);
        expect(delay).toBeGreaterThanOrEqual(25);
        expect(delay).toBeLessThanOrEqual(1_500);
      }),
    );
  });
});
