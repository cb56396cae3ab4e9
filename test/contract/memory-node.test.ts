import { expect, it } from '@jest/globals';
import { MemoryNode } from '../../src/node/memory/memory-node.js';
import { describeLockNode } from './describe-lock-node.js';
import { Operations, type Subject } from './subject.js';

function memorySubject(): Subject {
  let now = 1_000_000;
  const node = new MemoryNode('memory', { now: () => now });
  return {
    node,
    now: () => now,
    expire: async (resource) => {
      const [inspected] = await node.inspect([resource]);
      if (inspected?.kind === 'inspected') now += inspected.remainingMs;
    },
    end: () => node.close(),
  };
}

describeLockNode('a memory node', () => Promise.resolve(memorySubject()));

it('a memory node forgets names that never come again, and not the counters of those held or used of late', async () => {
  let now = 0;
  const node = new MemoryNode('memory', { now: () => now });
  const on = new Operations({
    node,
    now: () => now,
    expire: () => Promise.resolve(),
    end: () => node.close(),
  });
  const acquire = (resource: string): Promise<number> =>
    on.granted({ resources: [resource], ttlMs: 10, seed: 1, deadlineAt: now });
  for (let i = 0; i < 900; i++) await acquire(`old:${i}`);
  now += 8 * 24 * 3_600_000;
  for (let i = 0; i < 900; i++) await acquire(`new:${i}`);
  expect((await on.inspect('old:0')).counter).toBeUndefined();
  expect((await on.inspect('new:0')).counter).toBe(2);
});
