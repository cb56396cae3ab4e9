import { describe, expect, it } from '@jest/globals';
import { ClockCheck } from '../../../src/lock/nodes/clock-check.js';
import { VirtualWorld } from '../../support/virtual-world.js';

const STEP = 3_600_000;

/** Five nodes of which none is known yet, and a comparison of the clocks that become known. */
function five() {
  const { nodes, clock } = new VirtualWorld(5);
  for (const node of nodes) node.setState({ status: 'connecting' });
  const comparison = new ClockCheck(nodes, clock, 3);
  return {
    nodes,
    statuses: () => nodes.map(({ state }) => state.status),
    look: (isExpectingMore: boolean) => comparison.look(isExpectingMore),
    stepOwnWall: (ms: number) => clock.stepWall(ms),
    learn(nodeIndex: number, clockOffsetMs: number): void {
      const { wallMs, monotonicMs } = clock.stamp();
      nodes[nodeIndex]!.setState({ status: 'ready', clockOffsetMs, ownGapMs: wallMs - monotonicMs });
    },
  };
}

describe('the comparison of clocks, with two of five stepped', () => {
  it('stepped clocks cost their two nodes the votes, and no other, if all five are known', () => {
    const { learn, look, statuses } = five();
    [STEP, STEP, 0, 0, 0].forEach((offset, nodeIndex) => learn(nodeIndex, offset));
    look(false);
    expect(statuses()).toEqual(['untrusted', 'untrusted', 'ready', 'ready', 'ready']);
  });

  it('no clock is judged while more nodes are expected and no majority agrees', () => {
    const { learn, look, statuses } = five();
    [STEP, STEP, 0].forEach((offset, nodeIndex) => learn(nodeIndex, offset));
    look(true);
    expect(statuses().slice(0, 3)).toEqual(['ready', 'ready', 'ready']);
    learn(3, 0);
    learn(4, 0);
    look(true);
    expect(statuses()).toEqual(['untrusted', 'untrusted', 'ready', 'ready', 'ready']);
  });

  it('three known clocks without a majority are not trusted, until others agree with one of them', () => {
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
      // The other two agree with the right one, which makes a majority of five.
      expect(statuses()).toEqual(['untrusted', 'untrusted', 'ready', 'ready', 'ready']);
    }
  });

  it('a clock that was seen to step is not trusted because others agree with it', () => {
    const { nodes, learn, look, statuses, stepOwnWall } = five();
    [0, 0, 0, 0, 0].forEach((offset, nodeIndex) => learn(nodeIndex, offset));
    look(false);
    stepOwnWall(STEP);
    [STEP, STEP, 0].forEach((offset, nodeIndex) => learn(nodeIndex, offset));
    look(false);
    nodes[2]!.quarantine('its clock was stepped');
    learn(3, 0);
    learn(4, 0);
    look(false);
    expect(statuses()[2]).toBe('untrusted');
  });
});
