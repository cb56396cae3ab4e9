import { setTimeout as sleep } from 'node:timers/promises';
import { LockManager } from '../../../src/index.js';
import { startRedis } from '../../support/redis-servers.js';
import { until } from '../../support/until.js';

/** A lease that is out while a node restarts without its data. */
interface Case {
  readonly what: string;
  readonly ttlMs: number;
  /** When it is released after the restart; `undefined`: it is left to expire. */
  readonly releasedAfterMs: number | undefined;
}

const CASES: readonly Case[] = [
  { what: 'a lease of 1 s', ttlMs: 1_000, releasedAfterMs: undefined },
  { what: 'a lease of 30 s', ttlMs: 30_000, releasedAfterMs: undefined },
  { what: 'a lease of 10 min, released after 10 s', ttlMs: 600_000, releasedAfterMs: 10_000 },
];

/** Restarts one of three nodes with each of these leases out, and says for how long the node has no vote. */
export async function measureQuarantines(say: (line: string) => void): Promise<void> {
  for (const { what, ttlMs, releasedAfterMs } of CASES) {
    await using redis = await startRedis({ count: 3 });
    const nodes = redis.servers.map((server) => server.options);
    await using locks = new LockManager({ nodes, autoExtend: false, warn: () => undefined });
    const isReady = (): boolean => locks.nodes()[0]!.status === 'ready';
    await until(isReady);
    const lease = await locks.acquire('job', { ttlMs });
    const restartedAt = performance.now();
    await redis.servers[0]!.restart({ keepData: false });
    if (releasedAfterMs !== undefined) {
      await sleep(releasedAfterMs);
      await lease.release();
    }
    await until(() => locks.nodes()[0]!.status === 'untrusted' || releasedAfterMs !== undefined);
    await until(isReady);
    const seconds = ((performance.now() - restartedAt) / 1_000).toFixed(1);
    say(`quarantine with ${what}: ${seconds} s after the restart the node votes again`);
  }
}
