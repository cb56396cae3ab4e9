/** A worker without a framework: of all that run, one at a time writes the report. */
import { setTimeout as sleep } from 'node:timers/promises';
import { LockManager, LockNotAcquiredError, QuorumUnreachableError } from 'quorlock';

const { QUORLOCK_NODES = 'redis://127.0.0.1:7001,redis://127.0.0.1:7002,redis://127.0.0.1:7003' } =
  process.env;
const REPORT_MS = 500;
const PAUSE_MS = 200;

// A short TTL: the lock is extended while the report is written, and free soon if this process dies.
const locks = new LockManager({ nodes: QUORLOCK_NODES.split(','), ttlMs: 5_000 });

const { ready, nodes } = await locks.started();
console.log(`${ready} of ${nodes} nodes are ready`);

async function writeReport(): Promise<void> {
  await locks.withLock('report', { name: 'report' }, async ({ token, signal }) => {
    // Give the token to the store that you write to: it can refuse a worker that lost its lock long ago.
    console.log(`writing with token ${token}`);
    await sleep(REPORT_MS, undefined, { signal });
  });
}

const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stopping.abort());

while (!stopping.signal.aborted) {
  try {
    await writeReport();
  } catch (error) {
    if (error instanceof LockNotAcquiredError) console.log('another worker writes it');
    else if (error instanceof QuorumUnreachableError) console.error(`no lock: ${error.message}`);
    else console.error(error);
  }
  await sleep(PAUSE_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
}

await locks.close({ drainMs: 5_000 });
console.log('stopped');
