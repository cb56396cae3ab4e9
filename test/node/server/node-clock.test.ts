import { describe, expect, it } from '@jest/globals';
import { NodeClock } from '../../../src/node/server/node-clock.js';

const DRIFT = 0.01;

describe("what is known of a node's clock", () => {
  /** This machine's two clocks and the node's clock, in a time that passes when a test says so. */
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
      // Whole milliseconds, like Date.now.
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

  it('a step of the node by more than a round trip and the drift is seen, forward and back', () => {
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

  it('a step of our own wall clock is not taken for a step of the node', () => {
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

  it('a suspension of our machine between two exchanges is not taken for a step of the node', () => {
    const own = machine();
    own.exchange();
    own.suspend(3_600_000);
    expect(own.exchange()).toBe('steady');
    expect(own.exchange()).toBe('steady');
  });

  for (const when of ['before', 'after'] as const) {
    it.each([0, 0.3, 0.6, 0.9])(
      `a suspension during an exchange, ${when} the node read its clock, is no step of the node (%s)`,
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
        // A deadline is never passed on later than it is.
        expect(deadline + own.clock.aheadUs(deadline) / 1_000).toBeLessThanOrEqual(own.nodeMs());
        expect(own.exchange()).toBe('steady');
        expect(own.exchange()).toBe('steady');
        own.stepNode(1_000);
        expect(own.exchange()).toBe('stepped');
      },
    );
  }
});
