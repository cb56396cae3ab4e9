import type * as Quorlock from '../../../src/index.js';
import type { BenchLock, OpenOptions } from '../adapter.js';
import { BENCH_NAME } from '../names.js';

/**
 * quorlock as it is published. `listener` and `tick` are settings of the benchmark; the
 * others are quorlock's own.
 */
export async function openLock({ nodes, settings, isShared, quorlock }: OpenOptions): Promise<BenchLock> {
  const { LockManager } = (await import(quorlock)) as typeof Quorlock;
  const { listener, tick, ...options } = settings;
  // Its own prefix where others lock on the same servers, so that they keep their list of nodes.
  const own = isShared ? { keyPrefix: `${BENCH_NAME}:` } : {};
  const locks = new LockManager({ nodes: nodes.map((node) => ({ ...node })), ...own, ...options });
  let heard = 0;
  if (listener === true) locks.subscribe(() => heard++);
  return {
    acquire: (resource, terms) =>
      locks.acquire(resource, tick === true ? { ...terms, tick: Date.now() } : terms),
    keep: async (resource, ttlMs) => {
      const lease = await locks.acquire(resource, { ttlMs });
      return { isLost: () => lease.remainingMs() === 0 };
    },
    close: () => locks.close(),
  };
}
