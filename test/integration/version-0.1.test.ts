import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LockManager, LockNotAcquiredError, type AcquireOptions, type Lease } from '../../src/index.js';
import { startChild, type Child } from '../support/child.js';
import { startRedis, type RedisServers } from '../support/redis-servers.js';
import { until } from '../support/until.js';
import { unpackOldVersion, type OldVersion } from '../support/version-0.1.js';
import type { OldClaim, OldResult } from './version-0.1-worker.js';

const TICKS = 40;
const TTL_MS = 1_000;
const DYING_TTL_MS = 200;
const FIRST_TICK = 1_790_000_000_000;
const MAX_TTL_MS = 2_000;

describe('workers of version 0.1 and of this version, side by side', () => {
  let redis: RedisServers;
  let version: OldVersion;
  const old: Child<OldResult | 'ready'>[] = [];
  const managers: LockManager[] = [];

  beforeAll(async () => {
    redis = await startRedis({ count: 3 });
    version = unpackOldVersion();
    const nodes = redis.servers.map(({ options }) => options);
    for (const name of ['new-1', 'new-2'])
      managers.push(new LockManager({ nodes, holder: name, maxTtlMs: MAX_TTL_MS }));
    await Promise.all(managers.map((locks) => locks.started()));
    const worker = new URL('./version-0.1-worker.ts', import.meta.url);
    for (let count = 0; count < 2; count++)
      old.push(startChild(worker, { args: [version.path, JSON.stringify(nodes)] }));
    await Promise.all(old.map((child) => child.message((message) => message === 'ready')));
  });
  afterAll(async () => {
    await Promise.all(old.map((child) => child.kill()));
    await Promise.all(managers.map((locks) => locks.close()));
    version.remove();
    await redis.stop();
  });

  let resources = 0;
  const freshResource = (): string => `job-${++resources}`;

  async function oldClaim(child: Child<OldResult | 'ready'>, claim: OldClaim): Promise<string> {
    const isAnswer = (message: OldResult | 'ready'): message is OldResult =>
      message !== 'ready' && message.resource === claim.resource && message.tick === claim.tick;
    const before = child.messages.filter(isAnswer).length;
    child.send(claim);
    await until(() => child.messages.filter(isAnswer).length > before);
    return child.messages.filter(isAnswer)[before]!.outcome;
  }

  const newClaim = (
    resource: string,
    options: AcquireOptions,
    locks = managers[0]!,
  ): Promise<Lease | LockNotAcquiredError> =>
    locks.acquire(resource, { ttlMs: TTL_MS, ...options }).catch((error: unknown) => {
      if (error instanceof LockNotAcquiredError) return error;
      throw error;
    });

  async function newRun(resource: string, options: AcquireOptions, locks?: LockManager): Promise<string> {
    const lease = await newClaim(resource, options, locks);
    if (lease instanceof LockNotAcquiredError) return lease.reason;
    await lease.release();
    return 'ran';
  }

  it('run every tick once, whoever comes first', async () => {
    const resource = freshResource();
    for (let count = 0; count < TICKS; count++) {
      const tick = FIRST_TICK + count * 1_000;
      const afterMs = (): number => Math.random() * 6;
      const outcomes = await Promise.all([
        ...old.map((child) => oldClaim(child, { resource, tick, ttlMs: TTL_MS, afterMs: afterMs() })),
        ...managers.map((locks) =>
          sleep(afterMs()).then(() => newRun(resource, { tick, retry: true }, locks)),
        ),
      ]);
      expect(outcomes.filter((outcome) => outcome === 'ran')).toHaveLength(1);
      for (const outcome of outcomes) expect(['ran', 'held', 'already_ran']).toContain(outcome);
    }
  });

  it('a tick that this version ran is refused by 0.1, and the other way round, to a retry too', async () => {
    const [tick, later] = [FIRST_TICK, FIRST_TICK + 1_000];
    const resource = freshResource();
    expect(await newRun(resource, { tick })).toBe('ran');
    expect(await oldClaim(old[0]!, { resource, tick, ttlMs: TTL_MS, afterMs: 0 })).toBe('already_ran');
    expect(await oldClaim(old[0]!, { resource, tick: later, ttlMs: TTL_MS, afterMs: 0 })).toBe('ran');
    const refused = await newClaim(resource, { tick: later, retry: true });
    expect(refused).toMatchObject({
      reason: 'already_ran',
      run: { tick: later, attempt: 0, state: 'finished' },
    });
  });

  it('a run of 0.1 whose worker died counts as finished: nothing tells that it is not', async () => {
    const resource = freshResource();
    const claim = { resource, tick: FIRST_TICK, ttlMs: DYING_TTL_MS, afterMs: 0, dies: true };
    expect(await oldClaim(old[0]!, claim)).toBe('ran');
    await until(async () => (await managers[0]!.inspect(resource)).status === 'free');
    const refused = await newClaim(resource, { tick: FIRST_TICK, retry: true });
    expect(refused).toMatchObject({ reason: 'already_ran', run: { attempt: 0, state: 'finished' } });
  });

  it('a tick that died with a worker of this version is refused by 0.1, and run again by a retry', async () => {
    const resource = freshResource();
    const tick = FIRST_TICK;
    await newClaim(resource, { tick, ttlMs: DYING_TTL_MS, autoExtend: false });
    await until(async () => (await managers[0]!.inspect(resource)).status === 'free');
    expect(await oldClaim(old[0]!, { resource, tick, ttlMs: TTL_MS, afterMs: 0 })).toBe('already_ran');
    const lease = (await newClaim(resource, { tick, retry: true }, managers[1])) as Lease;
    expect(lease.attempt).toBe(2);
    expect(await oldClaim(old[0]!, { resource, tick, ttlMs: TTL_MS, afterMs: 0 })).toBe('held');
    await lease.release();
    expect(await lease.finished()).toBe(true);
    expect(await oldClaim(old[0]!, { resource, tick, ttlMs: TTL_MS, afterMs: 0 })).toBe('already_ran');
  });

  it('a record of an earlier tick is not taken for one of the tick that 0.1 recorded after it', async () => {
    const resource = freshResource();
    const [tick, later] = [FIRST_TICK, FIRST_TICK + 1_000];
    const lease = (await newClaim(resource, { tick })) as Lease;
    await lease.release({ finish: false });
    expect(await oldClaim(old[1]!, { resource, tick: later, ttlMs: TTL_MS, afterMs: 0 })).toBe('ran');
    for (const claimed of [tick, later])
      expect(await newRun(resource, { tick: claimed, retry: true })).toBe('already_ran');
    expect((await managers[0]!.inspect(resource)).lastRun).toEqual({
      tick: later,
      attempt: 0,
      state: 'finished',
    });
    expect(await newRun(resource, { tick: later + 1_000 })).toBe('ran');
  });
});
