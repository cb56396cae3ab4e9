import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { jitteredMs, reconnectDelayMs, retryPauseMs, yieldDelayMs } from '../../src/core/backoff.js';
import { naiveDoubled } from './naive.js';

/** Like `Math.random`: from 0 to 1, without 1. */
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const MIDDLE = 0.5;

describe('jitteredMs', () => {
  it('jitter keeps a delay between half and one and a half times its length', () => {
    expect(jitteredMs(100, 0)).toBe(50);
    expect(jitteredMs(100, MIDDLE)).toBe(100);
    fc.assert(
      fc.property(fc.nat(60_000), random, (delayMs, at) => {
        expect(jitteredMs(delayMs, at)).toBeGreaterThanOrEqual(delayMs / 2);
        expect(jitteredMs(delayMs, at)).toBeLessThanOrEqual(delayMs * 1.5);
      }),
    );
  });

  it('jitter gives clients that failed together different delays', () => {
    expect(jitteredMs(100, 0.2)).not.toBe(jitteredMs(100, 0.7));
  });
});

describe('retryPauseMs', () => {
  it.each([
    ['constant', 100, [1, 2, 3, 10], [100, 100, 100, 100]],
    ['exponential', 100, [1, 2, 3, 7, 8, 5_000], [100, 200, 400, 6_400, 6_400, 6_400]],
    ['exponential', 2 ** 31 - 1, [9], [2 ** 31 - 1]],
    [(attempts: number) => attempts * 7, 100, [1, 2, 3], [7, 14, 21]],
  ] as const)('a pause grows as backoff says (%s, %s ms)', (backoff, retryDelayMs, attempts, pauses) => {
    const pauseAfter = (made: number): number => retryPauseMs({ retryDelayMs, backoff }, made, MIDDLE);
    expect(attempts.map(pauseAfter)).toEqual(pauses);
  });

  it.each([
    [-1, 'got -1'],
    [Number.NaN, 'got NaN'],
    [Infinity, 'got Infinity'],
    ['100', 'got a value of type string'],
  ])('a function that returns no pause is refused (%s)', (pause, message) => {
    const options = { retryDelayMs: 100, backoff: () => pause as number };
    expect(() => retryPauseMs(options, 1, MIDDLE)).toThrow(
      new RangeError(`backoff must return a number from 0 to 2147483647, ${message}`),
    );
  });
});

describe('yieldDelayMs', () => {
  it.each([
    ['the first pause after a split vote takes two rounds', 0, 3, 6],
    ['the second pause after a split vote is twice as long', 1, 3, 12],
    ['the third pause after a split vote is four times as long', 2, 3, 24],
    ['a round that took no time is followed by a pause of 2 ms: no hot loop', 0, 0, 2],
    ['a slow round is not followed by more than 50 ms', 0, 250, 50],
    ['the tenth pause after a split vote is not longer than 50 ms', 9, 3, 50],
    ['a pause after a split vote is not longer than 50 ms, even if doubling gives infinity', 5_000, 3, 50],
  ])('%s', (_claim, pauses, roundMs, delayMs) => {
    expect(yieldDelayMs(pauses, roundMs, MIDDLE)).toBe(delayMs);
  });

  it('the pause after a split vote is the naive doubling with jitter, from 1 to 75 ms', () => {
    fc.assert(
      fc.property(fc.nat(40), fc.nat(1_000), random, (pauses, roundMs, at) => {
        const delay = yieldDelayMs(pauses, roundMs, at);
        expect(delay).toBeCloseTo(naiveDoubled(Math.max(2, roundMs + roundMs), 50, pauses) * (0.5 + at), 6);
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
  ])('the pause before attempt %i to reconnect is %i ms', (attempt, delayMs) => {
    expect(reconnectDelayMs(attempt, MIDDLE)).toBe(delayMs);
  });

  it('the pause before reconnecting is the naive doubling with jitter, from 25 to 1,500 ms', () => {
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
