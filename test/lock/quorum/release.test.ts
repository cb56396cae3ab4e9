import { describe, expect, it } from '@jest/globals';
import { failed, type Vote } from '../../../src/core/vote.js';
import { KeyTracker } from '../../../src/lock/quorum/key-tracker.js';
import { Releases } from '../../../src/lock/quorum/release.js';
import { Timeouts } from '../../../src/lock/quorum/call-timeouts.js';
import type { VoteReceiver, LockNode } from '../../../src/node/lock-node.js';
import type { NodeRequest } from '../../../src/node/node-request.js';
import { VirtualClock } from '../../support/virtual-clock.js';

const UNREACHABLE = failed('unreachable', new Error('no connection'));
const DISCONNECTED = failed('disconnected', new Error('the connection broke'));
const DEADLINE_AT = 1_250;

/** A node that gives every release the same answer, and counts them. It answers earlier requests first. */
function nodeThatAnswers(vote: Vote, before: () => void): LockNode & { asked: number } {
  const node = {
    asked: 0,
    state: { status: 'unreachable' },
    ask: (_: NodeRequest, receiver: VoteReceiver, nodeIndex: number) => {
      if (node.asked++ === 0) before();
      receiver.receive(nodeIndex, vote);
    },
    onStateChange: () => () => undefined,
  };
  return node as unknown as LockNode & { asked: number };
}

/** How often a node is asked to release within ten seconds after it answered an acquisition like this. */
async function releasesAfter(acquired: Vote, release: Vote): Promise<number> {
  const clock = new VirtualClock();
  const tracker = new KeyTracker(['a'], 'holder', 1);
  tracker.sent(0);
  const node = nodeThatAnswers(release, () => tracker.answered(0, acquired, DEADLINE_AT));
  const context = { clock, timeouts: new Timeouts(clock), nodes: [node], report: () => undefined };
  const times = { calledAt: 0, dueAt: 250, keepUntil: 0, expiredAt: 21_000 };
  new Releases(context).begin(
    { id: 1, tracker, ...times, enough: 1, queueEntry: undefined },
    () => undefined,
  );
  await clock.advance(10_000);
  return node.asked;
}

describe('Releases', () => {
  it('a node that was never sent anything is asked to release once', async () => {
    expect(await releasesAfter(UNREACHABLE, UNREACHABLE)).toBe(1);
  });

  it('a node is asked again while a key may be there, or may still be set', async () => {
    expect(await releasesAfter({ kind: 'granted', counter: 1 }, UNREACHABLE)).toBeGreaterThan(30);
    expect(await releasesAfter(DISCONNECTED, UNREACHABLE)).toBeGreaterThan(30);
  });

  it('a node that released at once is not asked again', async () => {
    expect(await releasesAfter({ kind: 'granted', counter: 1 }, { kind: 'granted', counter: 0 })).toBe(1);
  });

  it('a node is asked once more after the deadline of a request that may still be carried out', async () => {
    expect(await releasesAfter(DISCONNECTED, { kind: 'refused', reason: 'absent' })).toBe(2);
  });
});
