import { describe, expect, it } from '@jest/globals';
import { isStalled } from '../../src/core/stall.js';

describe('isStalled', () => {
  it('lets the worker thread act once the heartbeat is old, and until maxStallMs', () => {
    expect([0, 499, 500, 9_999, 10_000].map((ageMs) => isStalled(ageMs, 3_000, 10_000))).toEqual([
      false,
      false,
      true,
      true,
      false,
    ]);
  });

  it('is never true where maxStallMs is over before a heartbeat counts as old', () => {
    expect(isStalled(60, 300, 50)).toBe(false);
  });
});
