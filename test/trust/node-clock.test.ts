import { describe, expect, it } from '@jest/globals';
import { NodeClock } from '../../src/node/redis/node-clock.js';

const DRIFT = 0.01;

describe("what is known of a node's clock", () => {
  /** Our two clocks and the node's, and the time that really passes. */
  function machine() {
    let [monotonicMs, wallMs, nodeMs] = [50_000, 1_700_000_000_000, 1_700_000_000_500];
    return {
      clock: new NodeClock(DRIFT),
      pass(ms: number): void {
        [monotonicMs, wallMs, nodeMs] = [monotonicMs + ms, wallMs + ms, nodeMs + ms];
      },
      suspend(ms: number): void {
        [wallMs, nodeMs] = [wallMs + ms, nodeMs + ms];
      },
      stepOwnWall: (ms: number): void => void (wallMs += ms),
      stepNode: (ms: number): void => void (nodeMs += ms),
      // Whole milliseconds, as Date.now gives them.
      stamp: () => ({ monotonicMs, wallMs: Math.floor(wallMs) }),
      nodeMs: () => nodeMs,
      exchange(): string {
        const sentAt = this.stamp();
        this.pass(0.2);
        const read = nodeMs;
        this.pass(0.2);
        return this.clock.observe(sentAt, this.stamp(), read);
      },
    };
  }

  it('shows a step of the node, forward and back, by more than a round trip and the drift', () => {
    for (const byMs of [200, -200]) {
      const it = machine();
      it.exchange();
      it.pass(5_000);
      expect(it.exchange()).toBe('steady');
      it.stepNode(byMs);
      expect(it.exchange()).toBe('stepped');
      expect(it.exchange()).toBe('steady');
    }
  });

  it('does not take a step of our own wall clock for one', () => {
    for (const byMs of [3_600_000, -3_600_000]) {
      const it = machine();
      it.exchange();
      it.stepOwnWall(byMs);
      expect(it.exchange()).toBe('steady');
      it.pass(5_000);
      expect(it.exchange()).toBe('steady');
      it.stepNode(1_000);
      expect(it.exchange()).toBe('stepped');
    }
  });

  it('does not take a suspension of our machine for one, between two exchanges', () => {
    const it = machine();
    it.exchange();
    it.suspend(3_600_000);
    expect(it.exchange()).toBe('steady');
    expect(it.exchange()).toBe('steady');
  });

  for (const when of ['before', 'after'] as const) {
    it.each([0, 0.3, 0.6, 0.9])(
      `does not take one for it that came during an exchange, ${when} the node read its clock (%s)`,
      (after) => {
        const it = machine();
        it.exchange();
        it.pass(after);
        const sentAt = it.stamp();
        it.pass(0.01);
        if (when === 'before') it.suspend(3_600_000.7);
        const read = it.nodeMs();
        if (when === 'after') it.suspend(3_600_000.7);
        it.pass(0.2);
        const deadline = it.stamp().monotonicMs;
        expect(it.clock.observe(sentAt, it.stamp(), read)).toBe('steady');
        // A deadline is never later in the node's time than it really is.
        expect(it.clock.toNodeUs(deadline) / 1_000).toBeLessThanOrEqual(it.nodeMs());
        expect(it.exchange()).toBe('steady');
        expect(it.exchange()).toBe('steady');
        it.stepNode(1_000);
        expect(it.exchange()).toBe('stepped');
      },
    );
  }
});
