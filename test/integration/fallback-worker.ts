/**
 * A worker process of postgres-fallback.test.ts: it locks again and again on the servers in NODES (JSON) with
 * the fallback in FALLBACK (JSON), and reports each lease when it is over.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { LockManager, type NodeSource, type PostgresNodeOptions } from '../../src/index.js';
import type { HeldReport } from './fallback-report.js';

const { NODES = '[]', FALLBACK = '{}' } = process.env;
/** All processes of a machine share this clock. In milliseconds. */
const now = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000;

const locks = new LockManager({
  nodes: JSON.parse(NODES) as NodeSource[],
  fallback: JSON.parse(FALLBACK) as PostgresNodeOptions,
  restartQuarantine: 'off',
  nodeTimeoutMs: 500,
  ttlMs: 2_000,
  warn: () => undefined,
});

for (;;) {
  const lease = await locks.tryAcquire('job').catch(() => null);
  if (lease !== null) {
    const { token, fallback } = lease;
    const from = now();
    const lost = new Promise<void>((resolve) =>
      lease.signal.addEventListener('abort', () => resolve(), { once: true }),
    );
    await Promise.race([sleep(60), lost]);
    const report: HeldReport = { from, to: now(), token, fallback };
    process.send?.(report);
    await lease.release();
  }
  await sleep(10);
}
