import { expect, it } from '@jest/globals';
import { Operations } from '../../src/node/contract/operations.js';
import type { NodeUnderTest } from '../../src/node/index.js';
import { MemoryNode } from '../../src/node/memory/memory-node.js';
import { describeContract } from './contract.js';

/** Its wall clock goes on by itself: seeds are taken from the real one. */
const clockOf = (now: () => number) => ({
  now,
  stamp: () => ({ monotonicMs: now(), wallMs: Date.now() }),
});

/** A node with a clock that moves only to let a key expire. */
function open(): Promise<NodeUnderTest> {
  let now = 1_000_000;
  const node = new MemoryNode(
    'memory',
    clockOf(() => now),
  );
  return Promise.resolve({
    node,
    now: () => now,
    expire: async (resource) => {
      const [inspected] = await node.inspect([resource]);
      if (inspected?.kind === 'inspected') now += inspected.remainingMs;
    },
  });
}

describeContract('a memory node', { open, parts: ['onRelease', 'markMisconfigured', 'history'] });

it('a memory node forgets old names, and keeps the counters of those that were used lately', async () => {
  let now = 0;
  const on = new Operations(
    {
      node: new MemoryNode(
        'memory',
        clockOf(() => now),
      ),
      now: () => now,
    },
    'test',
  );
  const acquire = (resource: string): Promise<number> =>
    on.granted({ resources: [resource], ttlMs: 10, seed: 1, deadlineAt: now });
  for (let i = 0; i < 900; i++) await acquire(`old:${i}`);
  now += 8 * 24 * 3_600_000;
  for (let i = 0; i < 900; i++) await acquire(`new:${i}`);
  expect((await on.inspect('old:0')).counter).toBeUndefined();
  expect((await on.inspect('new:0')).counter).toBe(2);
});
