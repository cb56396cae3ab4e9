import { describe, expect, it } from '@jest/globals';
import type { LockManager, Vote } from '../../../src/index.js';
import type { NodeRequest } from '../../../src/node/node-request.js';
import { VirtualWorld } from '../../support/virtual-world.js';

const AHEAD_MS = 200_000;

/**
 * Three nodes that tell their time. The first one's clock is ahead, and so are its counters; its quarantine
 * for that is over.
 */
async function worldWithOneAhead(): Promise<{ world: VirtualWorld; locks: LockManager }> {
  const world = new VirtualWorld(3);
  const { monotonicMs, wallMs } = world.clock.stamp();
  const ownGapMs = wallMs - monotonicMs;
  const [ahead] = world.nodes as [(typeof world.nodes)[number]];
  const tellTime = (): void => {
    for (const node of world.nodes) {
      const aheadMs = node === ahead ? AHEAD_MS : 0;
      node.setState({ status: 'ready', clockOffsetMs: ownGapMs + aheadMs, ownGapMs });
    }
  };
  tellTime();
  const vote = ahead.vote.bind(ahead);
  ahead.vote = async (request: NodeRequest): Promise<Vote> => {
    const answer = await vote(request);
    return request.op === 'acquire' && answer.kind === 'granted'
      ? { ...answer, counter: answer.counter + AHEAD_MS * 1_000 }
      : answer;
  };
  const locks = world.manager();
  await world.clock.until(locks.started());
  tellTime();
  return { world, locks };
}

describe('a node whose clock stays ahead of the others', () => {
  it.each([
    ['a lock', {}],
    ['a tick', { tick: 1_700_000_000_000 }],
  ])(
    'does not spoil the token of %s: its grants do not count, and the others go on',
    async (_what, options) => {
      const { world, locks } = await worldWithOneAhead();
      // The last one answers late, so that the first two would decide.
      world.nodes[2]!.behaviour = { requestMs: 5, replyMs: 5 };
      const lease = await world.clock.until(locks.acquire('a', options));
      expect(lease.token).toBeLessThan((world.clock.stamp().wallMs + 10_000) * 1_000);
      await world.clock.until(lease.release());
      await world.clock.advance(10);
      expect(await world.leftovers('a')).toEqual([]);
    },
  );

  it('is named by the error where the others are too few', async () => {
    const { world, locks } = await worldWithOneAhead();
    world.nodes[2]!.down();
    const refused = world.clock.until(locks.acquire('a'));
    await expect(refused).rejects.toThrow("node-0: error (the node's clock, and with it");
  });
});
