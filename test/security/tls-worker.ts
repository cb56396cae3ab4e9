import { LockManager } from '../../src/index.js';

/** Locks once on the nodes in its arguments and sends the result. */
const locks = new LockManager({ nodes: process.argv.slice(2), warn: () => undefined });
try {
  const lease = await locks.acquire('job');
  await lease.release();
  process.send!('acquired');
} catch (error) {
  process.send!((error as Error).message);
}
await locks.close();
process.disconnect();
