import { describe, expect, it } from '@jest/globals';
import { beatMs, isStalled, staleAfterMs } from '../../src/core/stall.js';

describe('a main thread that does not run', () => {
  it('counts as stalled after a sixth of the TTL, within 50 ms and a second', () => {
    expect([10, 300, 3_000, 30_000].map(staleAfterMs)).toEqual([50, 50, 500, 1_000]);
  });

  it('is stood in for from then on, and until maxStallMs', () => {
    expect([0, 499, 500, 9_999, 10_000].map((ageMs) => isStalled(ageMs, 3_000, 10_000))).toEqual([
      false,
      false,
      true,
      true,
      false,
    ]);
    expect(isStalled(60, 300, 50)).toBe(false);
  });

  it('may miss a beat, and two, without looking so', () => {
    for (const ttlMs of [10, 300, 3_000, 30_000]) expect(3 * beatMs(ttlMs)).toBeLessThan(staleAfterMs(ttlMs));
  });

  it('is noticed in time: the extension that is due at a third can be asked for three times', () => {
    for (const ttlMs of [300, 3_000, 30_000]) {
      const noticedMs = ttlMs / 3 + staleAfterMs(ttlMs) + beatMs(ttlMs);
      expect(noticedMs + 0.2 * ttlMs).toBeLessThan(0.95 * ttlMs);
    }
  });
});
