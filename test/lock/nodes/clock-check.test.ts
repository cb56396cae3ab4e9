import { describe, expect, it } from '@jest/globals';
import { ClockCheck } from '../../../src/lock/nodes/clock-check.js';
import { VirtualWorld } from '../../support/virtual-world.js';

const STEP = 3_600_000;

/** Five nodes of which none is known yet, and a client that compares those that become known. */
function five() {
  const { nodes, clock } = new VirtualWorld(5);
  for (const node of nodes) node.setState({ status: 'connecting' });
  const comparison = new ClockCheck(nodes, clock, 3);
  return {
    statuses: () => nodes.map(({ state }) => state.status),
    look: (isExpectingMore: boolean) => comparison.look(isExpectingMore),
    stepOwnWall: (ms: number) => clock.stepWall(ms),
    learn(nodeIndex: number, clockOffsetMs: number): void {
      const { wallMs, monotonicMs } = clock.stamp();
      nodes[nodeIndex]!.setState({ status: 'ready', clockOffsetMs, ownGapMs: wallMs - monotonicMs });
    },
  };
}

describe('two of five clocks that were stepped', () => {
  it('lose their votes and nothing else where all five are known', () => {
    const { learn, look, statuses } = five();
    [STEP, STEP, 0, 0, 0].forEach((offset, nodeIndex) => learn(nodeIndex, offset));
    look(false);
    expect(statuses()).toEqual(['untrusted', 'untrusted', 'ready', 'ready', 'ready']);
  });

  it('are waited out while others are expected: nobody is judged before a majority agrees', () => {
    const { learn, look, statuses } = five();
    [STEP, STEP, 0].forEach((offset, nodeIndex) => learn(nodeIndex, offset));
    look(true);
    expect(statuses().slice(0, 3)).toEqual(['ready', 'ready', 'ready']);
    learn(3, 0);
    learn(4, 0);
    look(true);
    expect(statuses()).toEqual(['untrusted', 'untrusted', 'ready', 'ready', 'ready']);
  });

  it('take a sound one with them where only these three are known: from inside they cannot be told apart', () => {
    for (const isSuspended of [false, true]) {
      const { learn, look, statuses, stepOwnWall } = five();
      if (isSuspended) {
        [0, 0, 0, 0, 0].forEach((offset, nodeIndex) => learn(nodeIndex, offset));
        look(false);
        stepOwnWall(STEP);
      }
      [STEP, STEP, 0].forEach((offset, nodeIndex) => learn(nodeIndex, offset));
      look(false);
      expect(statuses().slice(0, 3)).toEqual(['untrusted', 'untrusted', 'untrusted']);
      learn(3, 0);
      learn(4, 0);
      look(false);
      // The others are not tarred with the same brush, where they agree with the one that is out: a majority of five.
      expect(statuses().slice(3)).toEqual(['ready', 'ready']);
    }
  });
});
