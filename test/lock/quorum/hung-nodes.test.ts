import { describe, expect, it } from '@jest/globals';
import { Arrears } from '../../../src/lock/quorum/hung-nodes.js';

describe('a node', () => {
  it('owes what has timed out, until it answers', () => {
    const arrears = new Arrears(2);
    arrears.timedOut(1);
    arrears.timedOut(1);
    expect([arrears.owes(0), arrears.owes(1), arrears.any]).toEqual([false, true, true]);
    arrears.answered(1, true);
    expect(arrears.owes(1)).toBe(true);
    arrears.answered(1, true);
    expect([arrears.owes(1), arrears.any]).toEqual([false, false]);
  });

  it('owes nothing less for answers to what has not timed out', () => {
    const arrears = new Arrears(1);
    arrears.timedOut(0);
    arrears.answered(0, false);
    expect(arrears.owes(0)).toBe(true);
  });

  it('still owes what was withdrawn after it had timed out, until it says anything', () => {
    const arrears = new Arrears(1);
    for (let times = 0; times < 3; times++) {
      arrears.timedOut(0);
      arrears.withdrew(0);
    }
    expect(arrears.owes(0)).toBe(true);
    arrears.answered(0, false);
    expect(arrears.owes(0)).toBe(false);
    arrears.answered(0, false);
    expect(arrears.owes(0)).toBe(false);
  });
});
