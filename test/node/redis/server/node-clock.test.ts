import { describe, expect, it } from '@jest/globals';
import { NodeClock } from '../../../../src/node/redis/server/node-clock.js';

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
      const own = machine();
      own.exchange();
      own.pass(5_000);
      expect(own.exchange()).toBe('steady');
      own.stepNode(byMs);
      expect(own.exchange()).toBe('stepped');
      expect(own.exchange()).toBe('steady');
    }
  });

  it('does not take a step of our own wall clock for one', () => {
    for (const byMs of [3_600_000, -3_600_000]) {
      const own = machine();
      own.exchange();
      own.stepOwnWall(byMs);
      expect(own.exchange()).toBe('steady');
      own.pass(5_000);
      expect(own.exchange()).toBe('steady');
      own.stepNode(1_000);
      expect(own.exchange()).toBe('stepped');
    }
  });

  it('does not take a suspension of our machine for one, between two exchanges', () => {
    const own = machine();
    own.exchange();
    own.suspend(3_600_000);
    expect(own.exchange()).toBe('steady');
    expect(own.exchange()).toBe('steady');
  });

  for (const when of ['before', 'after'] as const) {
    it.each([0, 0.3, 0.6, 0.9])(
      `does not take one for it that came during an exchange, ${when} the node read its clock (%s)`,
      (after) => {
        const own = machine();
        own.exchange();
        own.pass(after);
        const sentAt = own.stamp();
        own.pass(0.01);
        if (when === 'before') own.suspend(3_600_000.7);
        const read = own.nodeMs();
        if (when === 'after') own.suspend(3_600_000.7);
        own.pass(0.2);
        const deadline = own.stamp().monotonicMs;
        expect(own.clock.observe(sentAt, own.stamp(), read)).toBe('steady');
        // A deadline is never later in the node's time than it really is.
        expect(deadline + own.clock.aheadUs(deadline) / 1_000).toBeLessThanOrEqual(own.nodeMs());
        expect(own.exchange()).toBe('steady');
        expect(own.exchange()).toBe('steady');
        own.stepNode(1_000);
        expect(own.exchange()).toBe('stepped');
      },
    );
  }
});
