import { describe, expect, it } from '@jest/globals';
import { HungNodes } from '../../../src/lock/quorum/hung-nodes.js';

describe('HungNodes', () => {
  it('a node hangs until it has answered all requests that timed out', () => {
    const hungNodes = new HungNodes(2);
    hungNodes.timedOut(1);
    hungNodes.timedOut(1);
    expect([hungNodes.isHung(0), hungNodes.isHung(1), hungNodes.any]).toEqual([false, true, true]);
    hungNodes.recovered(1, true);
    expect(hungNodes.isHung(1)).toBe(true);
    hungNodes.recovered(1, true);
    expect([hungNodes.isHung(1), hungNodes.any]).toEqual([false, false]);
  });

  it('a node still hangs after an answer to a request that had not timed out', () => {
    const hungNodes = new HungNodes(1);
    hungNodes.timedOut(0);
    hungNodes.recovered(0, false);
    expect(hungNodes.isHung(0)).toBe(true);
  });

  it('a node still hangs after its requests were withdrawn, until it answers anything', () => {
    const hungNodes = new HungNodes(1);
    for (let times = 0; times < 3; times++) {
      hungNodes.timedOut(0);
      hungNodes.withdrew(0);
    }
    expect(hungNodes.isHung(0)).toBe(true);
    hungNodes.recovered(0, false);
    expect(hungNodes.isHung(0)).toBe(false);
    hungNodes.recovered(0, false);
    expect(hungNodes.isHung(0)).toBe(false);
  });
});
