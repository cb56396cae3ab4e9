/**
 * A process that waits for a resource. Its argument has the servers, and it reports when it waits and when it
 * has the lock.
 */
import { LockManager, type NodeSource } from '../../src/index.js';

const { nodes, resource, maxTtlMs, options } = JSON.parse(process.argv[2] ?? '') as {
  nodes: NodeSource[];
  resource: string;
  maxTtlMs: number;
  options: { waitMs: number; ttlMs: number; retryDelayMs: number };
};
const locks = new LockManager({ nodes, maxTtlMs, holder: 'child' });
locks.subscribe(({ type }) => {
  if (type === 'waiting') process.send?.('waiting');
});
await locks.acquire(resource, options);
process.send?.('acquired');
