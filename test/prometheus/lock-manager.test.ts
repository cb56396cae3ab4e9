import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { LockManager, memoryNode, type Lease, type LockManagerOptions } from '../../src/index.js';
import { lockMetrics, METRICS } from '../../src/prometheus/index.js';
import { until } from '../support/until.js';
import { reading, readings } from './readings.js';

const DEAD_NODES = ['redis://127.0.0.1:1', 'redis://127.0.0.1:2', 'redis://127.0.0.1:3'];

/** Waits until the lease is lost, and releases it like a holder that stops. */
async function loseLease(lease: Lease): Promise<void> {
  await until(() => lease.signal.aborted, { what: 'the lease to be lost' });
  await lease.release();
}

describe('the metrics of real lock managers', () => {
  let register: Registry;
  let managers: LockManager[];

  beforeEach(() => {
    register = new Registry();
    managers = [];
  });

  afterEach(() => Promise.all(managers.map((locks) => locks.close())));

  function manager(options: LockManagerOptions): LockManager {
    const locks = new LockManager({ warn: () => {}, ...options });
    managers.push(locks);
    locks.subscribe(lockMetrics({ register }));
    return locks;
  }

  const inMemory = () => ['a', 'b', 'c'].map((name) => memoryNode({ name }));
  const read = (name: string, labels?: Record<string, string>) => reading(register, name, labels);

  it('the metrics of real managers count everything that happened to their locks', async () => {
    const nodes = inMemory();
    const locks = manager({ nodes });
    const other = manager({ nodes });
    const name = 'job';

    const first = await locks.acquire('job', { name, tick: 1 });
    expect(await other.tryAcquire('job', { name })).toBeNull();
    await first.extend();
    await first.release();
    expect(await other.tryAcquire('job', { name, tick: 1 })).toBeNull();

    await loseLease(await locks.acquire('job', { name, ttlMs: 200, autoExtend: false }));
    await loseLease(await locks.acquire('job', { name, ttlMs: 200, maxHoldMs: 300 }));
    const closedUnder = await locks.acquire('job', { name });
    const waiting = other.acquire('job', { name, waitMs: 30_000 });
    other.drain();
    await expect(waiting).rejects.toThrow();
    const unreachable = manager({ nodes: DEAD_NODES });
    await expect(unreachable.acquire('job', { name })).rejects.toThrow();
    await locks.close();
    expect(closedUnder.signal.aborted).toBe(true);

    const lock = 'job';
    const counts = {
      acquired: await read(METRICS.acquired, { lock }),
      held: await read(METRICS.skipped, { lock, reason: 'held' }),
      alreadyRan: await read(METRICS.skipped, { lock, reason: 'already_ran' }),
      draining: await read(METRICS.skipped, { lock, reason: 'draining' }),
      unreachable: await read(METRICS.failed, { lock, reason: 'unreachable' }),
      notExtended: await read(METRICS.expired, { lock, reason: 'not_extended' }),
      maxHold: await read(METRICS.expired, { lock, reason: 'max_hold' }),
      closed: await read(METRICS.expired, { lock, reason: 'closed' }),
      released: await read(METRICS.released, { lock }),
      holds: await read(`${METRICS.holdDuration}_count`, { lock }),
      leasesHeld: await read(METRICS.leasesHeld, { lock }),
    };
    expect(counts).toEqual({
      acquired: 4,
      held: 1,
      alreadyRan: 1,
      draining: 1,
      unreachable: 1,
      notExtended: 1,
      maxHold: 1,
      closed: 1,
      released: 1,
      holds: 4,
      leasesHeld: 0,
    });
    expect(await read(METRICS.extensions, { lock, outcome: 'extended' })).toBeGreaterThan(0);
    expect(await read(METRICS.votes, { node: 'a', vote: 'granted' })).toBeGreaterThan(0);
    expect(await read(METRICS.votes, { node: 'a', vote: 'held' })).toBeGreaterThan(0);
    expect(await read(METRICS.votes, { node: 'a', vote: 'already_ran' })).toBeGreaterThan(0);
    expect(await read(METRICS.lastRun, { lock })).toBeGreaterThan(0);
  });

  it('leases of two managers on one registry are counted as held until they are released', async () => {
    const [one, two] = [manager({ nodes: inMemory() }), manager({ nodes: inMemory() })];
    const leases = [await one.acquire('job', { name: 'job' }), await two.acquire('job', { name: 'job' })];
    expect(await read(METRICS.leasesHeld, { lock: 'job' })).toBe(2);
    await leases[0]?.release();
    expect(await read(METRICS.leasesHeld, { lock: 'job' })).toBe(1);
    await leases[1]?.release();
    await leases[1]?.release();
    expect(await read(METRICS.leasesHeld, { lock: 'job' })).toBe(0);
  });

  it('waiters are counted while they wait: in line, between attempts and in another process', async () => {
    const nodes = inMemory();
    const [locks, other] = [manager({ nodes }), manager({ nodes })];
    const options = { name: 'job', waitMs: 30_000 };
    const held = await locks.acquire('job', { name: 'job' });
    const waiting = [locks, locks, other].map((one) => one.acquire('job', options));
    const abort = new AbortController();
    const { signal } = abort;
    const asking = other.acquire('job', { name: 'job', retries: 5, retryDelayMs: 30_000, signal });
    const waiters = () => read(METRICS.waiters, { lock: 'job' });
    await until(async () => (await waiters()) === 4);
    abort.abort();
    await expect(asking).rejects.toThrow();
    expect(await waiters()).toBe(3);
    await held.release();
    await Promise.all(waiting.map(async (lease) => (await lease).release()));
    expect(await waiters()).toBe(0);
    expect(await read(`${METRICS.waitDuration}_count`, { lock: 'job' })).toBe(4);
    expect(await read(METRICS.acquired, { lock: 'job' })).toBe(4);
  });

  it('waiters are never below zero if the listener subscribes while calls wait', async () => {
    const locks = new LockManager({ nodes: inMemory(), warn: () => {} });
    managers.push(locks);
    const options = { name: 'job', waitMs: 30_000 };
    const abort = new AbortController();
    const held = await locks.acquire('job', { name: 'job' });
    const early = [locks.acquire('job', options), locks.acquire('job', { ...options, signal: abort.signal })];
    await sleep(1);
    locks.subscribe(lockMetrics({ register }));
    const late = locks.acquire('job', options);
    await sleep(1);
    abort.abort();
    await expect(early[1]).rejects.toThrow();
    expect(await read(METRICS.waiters, { lock: 'job' })).toBe(1);
    await held.release();
    await (await early[0])?.release();
    await (await late).release();
    expect(await read(METRICS.waiters, { lock: 'job' })).toBe(0);
    expect(await read(`${METRICS.waitDuration}_count`, { lock: 'job' })).toBe(3);
  });

  it('an aborted wait counts neither as skipped nor as failed', async () => {
    const locks = manager({ nodes: inMemory() });
    await locks.acquire('job', { name: 'job' });
    const controller = new AbortController();
    const waiting = locks.acquire('job', { name: 'job', waitMs: 30_000, signal: controller.signal });
    await sleep(1);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    expect(await read(`${METRICS.acquireDuration}_count`, { lock: 'job', outcome: 'aborted' })).toBe(1);
    expect(await read(METRICS.skipped, { lock: 'job', reason: 'held' })).toBe(0);
  });

  it('a declared lock has its series at zero, if the listener subscribed before or after', async () => {
    const locks = manager({ nodes: inMemory() });
    locks.declare('later');
    expect(await read(METRICS.expired, { lock: 'later', reason: 'taken' })).toBe(0);
    register = new Registry();
    locks.subscribe(lockMetrics({ register }));
    expect(await read(METRICS.acquired, { lock: 'later' })).toBe(0);
    expect(await read(METRICS.nodeState, { node: 'a', state: 'ready' })).toBe(1);
    expect(await read(METRICS.fallbackActive)).toBe(1);
  });

  it('nodes that cannot be reached have series with their name and without a secret', async () => {
    manager({ nodes: ['redis://user:secret@127.0.0.1:1', 'redis://127.0.0.1:2', 'redis://127.0.0.1:3'] });
    await until(
      async () => (await read(METRICS.nodeState, { node: '127.0.0.1:1', state: 'unreachable' })) === 1,
    );
    expect(await register.metrics()).not.toContain('secret');
    expect(await read(METRICS.nodeState, { node: '127.0.0.1:1', state: 'ready' })).toBe(0);
  });

  it('the fallback is 1 from its start, and a closed manager has no fallback and no ready node', async () => {
    const locks = manager({ nodes: DEAD_NODES, fallback: 'memory' });
    expect(await read(METRICS.fallbackActive)).toBe(0);
    const lease = await locks.acquire('job', { name: 'job' });
    expect(lease.fallback).toBe(true);
    expect(await read(METRICS.fallbackActive)).toBe(1);
    await locks.close();
    expect(await read(METRICS.fallbackActive)).toBe(0);
    const present = (await readings(register)).filter(
      ({ name, value }) => name === METRICS.nodeState && value > 0,
    );
    expect(present.map(({ labels }) => labels['state'])).toEqual(['closed', 'closed', 'closed']);
  });
});
