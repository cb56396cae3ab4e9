import { expect, it } from '@jest/globals';
import { LockManager, memoryNode } from '../../src/index.js';

it('withLock refuses options that stand after the routine, and does not run it', async () => {
  const locks = new LockManager({ nodes: [memoryNode()] });
  let runs = 0;
  const run = (): void => void runs++;
  const misplaced = locks.withLock as (...args: unknown[]) => Promise<unknown>;
  await expect(misplaced.call(locks, 'a', run, { ttlMs: 5_000 })).rejects.toThrow(
    new TypeError('withLock takes a routine as its last argument'),
  );
  expect(runs).toBe(0);
  await misplaced.call(locks, 'a', run, undefined);
  expect(runs).toBe(1);
  await locks.close();
});
