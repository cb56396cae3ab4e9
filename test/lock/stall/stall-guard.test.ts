import { describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { LockManager, memoryNode, type NodeSource } from '../../../src/index.js';
import { resolveManagerOptions } from '../../../src/lock/validation/manager-options.js';
import { Heartbeat, SharedLease } from '../../../src/lock/stall/shared-lease.js';
import {
  StallGuard,
  type StallMessage,
  type StallThread,
  type StallWorkerData,
} from '../../../src/lock/stall/stall-guard.js';
import { VirtualClock } from '../../support/virtual-clock.js';

const NODES = ['redis://a', { host: 'b', tls: { ca: [Buffer.from('x')] } }, '/c.sock'];
const TERMS = {
  resources: ['job'],
  holderId: 'anna',
  ttlMs: 3_000,
  driftMs: 32,
  nodeTimeoutMs: 250,
  maxHoldAt: Number.POSITIVE_INFINITY,
};

/** A thread that only records its messages. */
class Thread implements StallThread {
  readonly told: StallMessage[] = [];
  readonly listeners: ((reason: unknown) => void)[] = [];
  isAlive = true;
  isUnreferenced = false;

  constructor(readonly data: StallWorkerData) {}

  postMessage(message: StallMessage): void {
    this.told.push(message);
  }
  on(_event: 'error' | 'exit', listener: (reason: unknown) => void): void {
    this.listeners.push(listener);
  }
  unref(): void {
    this.isUnreferenced = true;
  }
  terminate(): Promise<void> {
    this.isAlive = false;
    for (const listener of this.listeners) listener(1);
    return Promise.resolve();
  }
}

function makeGuard() {
  const clock = new VirtualClock();
  const warnings: string[] = [];
  const threads: Thread[] = [];
  const warn = (message: string): void => void warnings.push(message);
  const options = resolveManagerOptions({ nodes: NODES, maxStallMs: 5_000, warn });
  const guard = new StallGuard(NODES, options, clock, (data) => {
    const thread = new Thread(data);
    threads.push(thread);
    return thread;
  });
  return { clock, warnings, threads, guard };
}

describe('StallGuard', () => {
  it('the first lease starts the thread, which keeps no process alive', () => {
    const { threads, guard } = makeGuard();
    expect(threads).toHaveLength(0);
    guard.begin(TERMS, 9_000, 7);
    guard.begin(TERMS, 9_000, 8);
    expect(threads).toMatchObject([{ isUnreferenced: true, told: [{ begun: 1 }, { begun: 2 }] }]);
    expect(structuredClone(threads[0]!.data)).toMatchObject({ options: { maxStallMs: 5_000 } });
  });

  it('the main thread shows that it runs while leases are held, and has no timer afterwards', async () => {
    const { clock, threads, guard } = makeGuard();
    const lease = guard.begin(TERMS, 9_000, 7);
    const heartbeat = new Heartbeat(threads[0]!.data.heartbeat);
    await clock.advance(10_000);
    expect(clock.now() - heartbeat.at).toBeLessThan(200);
    lease?.end();
    expect(clock.timers).toBe(0);
  });

  it('a lease ends in its shared memory first, and nothing revives it', () => {
    const { threads, guard } = makeGuard();
    const lease = guard.begin(TERMS, 9_000, 7);
    const [begun] = threads[0]!.told;
    const shared = new SharedLease(begun !== undefined && 'memory' in begun ? begun.memory : undefined);
    expect(shared).toMatchObject({ validUntil: 9_000, maxCounter: 7 });
    lease?.hold(12_000, 9);
    expect(shared).toMatchObject({ validUntil: 12_000, maxCounter: 9 });
    lease?.end();
    lease?.hold(15_000, 9);
    expect(shared.validUntil).toBeUndefined();
    expect(threads[0]!.told.at(-1)).toEqual({ ended: 1 });
  });

  it('the death of the thread is one warning, and leases go on without it', () => {
    const { clock, warnings, threads, guard } = makeGuard();
    const lease = guard.begin(TERMS, 9_000, 7);
    for (const listener of threads[0]!.listeners) listener(new Error('out of memory'));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('out of memory');
    expect(guard.begin(TERMS, 9_000, 7)).toBeUndefined();
    lease?.end();
    expect(threads).toHaveLength(1);
    expect(clock.timers).toBe(0);
  });

  it('close ends the thread, without a warning', async () => {
    const { warnings, threads, guard } = makeGuard();
    guard.begin(TERMS, 9_000, 7);
    await guard.close();
    expect(threads).toMatchObject([{ isAlive: false }]);
    expect(warnings).toEqual([]);
  });

  it('a shared lease has no extension before one is recorded', () => {
    const shared = new SharedLease();
    expect(shared.extendedAt).toBeUndefined();
    shared.recordExtension({ monotonicMs: 1_234.5678, wallMs: 1_700_000_000_000 });
    // Instants are rounded down to µs.
    expect(shared.extendedAt).toEqual({ monotonicMs: 1_234.567, wallMs: 1_700_000_000_000 });
  });
});

describe('maxStallMs', () => {
  const client = new Redis({ lazyConnect: true });
  const sources: [string, NodeSource][] = [
    ['a client', client],
    ['a node in memory', memoryNode()],
    ['options with a function', { host: 'b', retryStrategy: () => 1 }],
    ['options with an instance of a class', { host: 'b', tls: { secureContext: new Map() } }],
  ];

  it.each(sources)('maxStallMs refuses %s, which no other thread can make again', (_, source) => {
    const make = (maxStallMs: number): LockManager =>
      new LockManager({ nodes: ['redis://127.0.0.1:1', source], maxStallMs, warn: () => undefined });
    expect(() => make(1_000)).toThrow(TypeError);
    expect(() => make(1_000)).toThrow('nodes[1]');
    void make(0).close();
  });
});
