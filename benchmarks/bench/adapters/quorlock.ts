import type * as Quorlock from '../../../src/index.js';
import type { BenchLock, OpenOptions } from '../adapter.js';

/** quorlock as it is published. `listener` is a setting of the benchmark; the others are quorlock's own. */
export async function openLock({ nodes, settings, quorlock }: OpenOptions): Promise<BenchLock> {
  const { LockManager } = (await import(quorlock)) as typeof Quorlock;
  const { listener, ...options } = settings;
  const locks = new LockManager({ nodes: nodes.map((node) => ({ ...node })), ...options });
  let heard = 0;
  if (listener === true) locks.subscribe(() => heard++);
  return {
    acquire: (resource, terms) => locks.acquire(resource, terms),
    keep: async (resource, ttlMs) => {
      const lease = await locks.acquire(resource, { ttlMs });
      return { isLost: () => lease.remainingMs() === 0 };
    },
    close: () => locks.close(),
  };
}
