import { describe, expect, it } from '@jest/globals';
import { isStalled } from '../../src/core/stall.js';

describe('isStalled', () => {
  it('the worker thread acts once the heartbeat is old, and until maxStallMs', () => {
    expect([0, 499, 500, 9_999, 10_000].map((ageMs) => isStalled(ageMs, 3_000, 10_000))).toEqual([
      false,
      false,
      true,
      true,
      false,
    ]);
  });

  it('a main thread is not stalled if maxStallMs is over before its heartbeat counts as old', () => {
    expect(isStalled(60, 300, 50)).toBe(false);
  });
});
