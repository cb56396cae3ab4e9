import { afterEach, describe, expect, it } from '@jest/globals';
import { LockManager, type LockEvent } from '../../../src/index.js';
import { systemClock, type Clock } from '../../../src/testing/index.js';
import { allReady, ofType, record } from '../../support/lock-managers.js';
import { startRedis, type RedisServers } from '../../support/redis-servers.js';
import { VirtualWorld } from '../../support/virtual-world.js';

const R = 'invoice:7';
const HOUR = 3_600_000;

/** The machine's clock, whose wall clock can be stepped and whose monotonic clock can be stopped. */
class SteppedClock implements Clock {
  #wallAheadMs = 0;
  #standstillMs = 0;

  now = (): number => systemClock.now() - this.#standstillMs;

  stamp(): ReturnType<Clock['stamp']> {
    const { monotonicMs, wallMs } = systemClock.stamp();
    return { monotonicMs: monotonicMs - this.#standstillMs, wallMs: wallMs + this.#wallAheadMs };
  }

  setTimer: Clock['setTimer'] = (...args) => systemClock.setTimer(...args);
  afterTurn: Clock['afterTurn'] = (callback) => systemClock.afterTurn(callback);

  /** Steps the wall clock, as an administrator or NTP does. */
  stepWall(byMs: number): void {
    this.#wallAheadMs += byMs;
  }

  /** Suspends the machine: nothing runs here and its monotonic clock stops. All other clocks go on. */
  suspend(ms: number): void {
    const from = systemClock.now();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    this.#standstillMs += systemClock.now() - from;
  }
}

const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((locks) => locks.close()));
});

async function holder(
  redis: RedisServers,
): Promise<{ clock: SteppedClock; locks: LockManager; events: LockEvent[] }> {
  const clock = new SteppedClock();
  const nodes = redis.servers.map((server) => server.options);
  const options = { nodes, maxTtlMs: 20_000, ttlMs: 20_000, nodeTimeoutMs: 2_000, warn: () => undefined };
  const locks = new LockManager(options, { clock });
  open.push(locks);
  await allReady(locks);
  return { clock, locks, events: record(locks) };
}

describe("a step of the client's own wall clock", () => {
  for (const [direction, byMs] of [
    ['forward', HOUR],
    ['back', -HOUR],
  ] as const) {
    it(`a step of the own wall clock ${direction} costs neither a node its vote nor the lease`, async () => {
      await using redis = await startRedis({ count: 3 });
      const { clock, locks, events } = await holder(redis);
      const lease = await locks.acquire(R);
      clock.stepWall(byMs);
      const other = await locks.acquire('another');
      await lease.extend();
      lease.assertHeld();
      expect(lease.remainingMs()).toBeGreaterThan(0);
      expect(locks.nodes().map(({ status }) => status)).toEqual(['ready', 'ready', 'ready']);
      expect(ofType(events, 'lost')).toEqual([]);
      expect(ofType(events, 'node').filter(({ node }) => node.status !== 'ready')).toEqual([]);
      expect(other.token).toBeGreaterThan(0);
    });
  }

  it('a step of the own wall clock past the end of the lease extends it within a second', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager({ ttlMs: 60_000 });
    const lease = await world.clock.until(locks.acquire(R));
    await world.clock.advance(5_000);
    world.clock.stepWall(HOUR);
    await world.clock.advance(1_100);
    expect(world.eventsOf('extended')).toMatchObject([{ outcome: 'extended' }]);
    expect(lease.remainingMs()).toBeGreaterThan(57_000);
    expect(lease.signal.aborted).toBe(false);
  });

  it('a step of the own wall clock back changes nothing: the monotonic clock says when to extend', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager({ ttlMs: 60_000 });
    const lease = await world.clock.until(locks.acquire(R));
    world.clock.stepWall(-HOUR);
    await world.clock.advance(19_000);
    expect(world.eventsOf('extended')).toEqual([]);
    await world.clock.advance(2_000);
    expect(world.eventsOf('extended')).toHaveLength(1);
    expect(lease.remainingMs()).toBeGreaterThan(57_000);
  });
});

describe('a machine that was suspended', () => {
  it('a suspended machine trusts the nodes, whose clocks went on, whatever was under way', async () => {
    await using redis = await startRedis({ count: 3 });
    const { clock, locks, events } = await holder(redis);
    const lease = await locks.acquire(R);
    for (let round = 0; round < 5; round++) {
      // In the first round nothing is under way. In the others, requests are, whose answers come later.
      const underWay = Array.from({ length: round }, (_, index) => locks.acquire(`${round}:${index}`));
      if (round % 2 === 0) await new Promise(setImmediate);
      clock.suspend(400);
      await Promise.allSettled(underWay);
      await lease.extend();
      await locks.acquire(`after:${round}`);
    }
    expect(ofType(events, 'node').filter(({ node }) => node.status !== 'ready')).toEqual([]);
    expect(locks.nodes().map(({ status }) => status)).toEqual(['ready', 'ready', 'ready']);
    lease.assertHeld();
  });

  it('a suspended machine finds out within a second that another client has taken its lock', async () => {
    const world = new VirtualWorld(3);
    const [sleeper, other] = [world.manager({ ttlMs: 60_000 }), world.manager({ ttlMs: 60_000 })];
    const lease = await world.clock.until(sleeper.acquire(R));
    // While it slept, its keys expired and another client acquired.
    world.clock.stepWall(90_000);
    for (const node of world.nodes) node.loseData();
    const second = await world.clock.until(other.acquire(R));
    expect(lease.remainingMs()).toBe(0);
    await world.clock.advance(1_100);
    expect(lease.signal.reason).toMatchObject({ reason: 'taken' });
    expect(second.signal.aborted).toBe(false);
    expect(new Set(await world.owners(R)).size).toBe(1);
  });
});
