import { describe, expect, it } from '@jest/globals';
import type { AcquireOptions, Lease, LockManager } from '../../../src/index.js';
import { VirtualWorld } from '../../support/virtual-world.js';

const R = 'invoice:7';
const WAITS = { waitMs: 60_000 } as const;

/**
 * Each caller holds the lock for so long, one after the other. Gives the callers and tokens in their order.
 */
function crowd(
  world: VirtualWorld,
  locks: LockManager,
  count: number,
  holdMs = 0,
  options: AcquireOptions = WAITS,
): Promise<{ readonly who: number; readonly token: number }[]> {
  const served: { who: number; token: number }[] = [];
  const one = async (who: number): Promise<void> => {
    const lease = await locks.acquire(R, options);
    served.push({ who, token: lease.token });
    if (holdMs > 0) await new Promise<void>((resolve) => void world.clock.setTimer(resolve, holdMs));
    await lease.release();
  };
  return Promise.all(Array.from({ length: count }, (_, who) => one(who))).then(() => served);
}

const opsOn = (world: VirtualWorld, node = 0): string[] => world.nodes[node]!.log.map(({ op }) => op);

describe('waiting in one process', () => {
  it('ten thousand waits on one signal all end with its reason, and no lease is lost', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const held = await world.clock.until(locks.acquire(R));
    const caller = new AbortController();
    const waits = Array.from({ length: 10_000 }, () => locks.acquire(R, { ...WAITS, signal: caller.signal }));
    const settled = Promise.allSettled(waits);
    caller.abort(new Error('gone'));
    const reasons = (await settled).map((end) => (end.status === 'rejected' ? (end.reason as unknown) : end));
    expect(new Set(reasons)).toEqual(new Set([caller.signal.reason]));
    expect(held.signal.aborted).toBe(false);
    await world.clock.until(held.release());
  });

  it('a wait without an end is ended by its signal, by the lock, or by the manager, and by no time', async () => {
    const world = new VirtualWorld(3);
    const [locks, other] = [world.manager(), world.manager()];
    const held = await world.clock.until(other.acquire(R));
    const caller = new AbortController();
    const options = { wait: true, backoff: 'exponential' } as const;
    const aborted = locks.acquire(R, { ...options, signal: caller.signal });
    const waits = locks.acquire(R, options);
    const closed = locks.acquire('another', options);
    await world.clock.advance(600_000);
    caller.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    await world.clock.until(held.release());
    expect((await world.clock.until(waits)).resources).toEqual([R]);
    await world.clock.until(closed);
    const last = locks.acquire('another', options);
    locks.drain();
    await expect(last).rejects.toMatchObject({ code: 'LOCK_MANAGER_CLOSED' });
  });

  it('a call whose backoff gives no pause rejects, and leaves the line', async () => {
    const world = new VirtualWorld(3);
    const [locks, other] = [world.manager(), world.manager()];
    const held = await world.clock.until(other.acquire(R, { ttlMs: 2_000 }));
    const wrong = (): number => -1;
    const tried = locks.acquire(R, { retries: 2, backoff: wrong });
    await expect(world.clock.until(tried)).rejects.toThrow('backoff must return a number');
    await world.clock.until(held.release());
    expect((await world.clock.until(locks.acquire(R))).resources).toEqual([R]);
  });

  it('waiters of one process are served in the order in which they came', async () => {
    const world = new VirtualWorld(3);
    const served = await world.clock.until(crowd(world, world.manager(), 100, 3));
    expect(served.map(({ who }) => who)).toEqual(Array.from({ length: 100 }, (_, who) => who));
  });

  it('a lease is handed over without a request to the nodes, with a token of its own', async () => {
    const world = new VirtualWorld(5);
    const served = await world.clock.until(crowd(world, world.manager(), 20));
    expect(opsOn(world)).toEqual(['acquire', 'release']);
    const first = served[0]!.token;
    expect(served.map(({ token }) => token)).toEqual(served.map((_, index) => first + index));
    const next = await world.clock.until(world.manager().acquire(R));
    // The grant may have reserved more tokens than were used.
    expect(next.token).toBeGreaterThan(first + 19);
  });

  it('the release is emitted before the acquisition that follows, with the number of nodes that have the key', async () => {
    const world = new VirtualWorld(3);
    await world.clock.until(crowd(world, world.manager(), 3));
    const told = world.events.filter(({ type }) => type === 'acquired' || type === 'released');
    expect(told.map(({ type }) => type)).toEqual([
      'acquired',
      'released',
      'acquired',
      'released',
      'acquired',
      'released',
    ]);
    expect(world.eventsOf('released').map(({ acknowledged }) => acknowledged)).toEqual([
      3,
      3,
      expect.any(Number),
    ]);
  });

  it('after as many leases as tokens were reserved, the nodes are asked again, and the order is kept', async () => {
    const world = new VirtualWorld(3);
    const served = await world.clock.until(crowd(world, world.manager(), 200));
    expect(opsOn(world)).toEqual(['acquire', 'release', 'acquire', 'release']);
    const tokens = served.map(({ token }) => token);
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
  });

  it('after a tenth of a second the nodes are asked again', async () => {
    const world = new VirtualWorld(3);
    await world.clock.until(crowd(world, world.manager(), 6, 30));
    // Four leases of 30 ms each, then the others.
    expect(opsOn(world)).toEqual(['acquire', 'release', 'acquire', 'release']);
  });

  it('a waiter asks the nodes nothing while its own process has the lock', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const held = await world.clock.until(locks.acquire(R));
    const waiting = locks.acquire(R, WAITS);
    await world.clock.advance(5_000);
    expect(opsOn(world)).toEqual(['acquire']);
    await world.clock.until(held.release());
    const lease = await world.clock.until(waiting, 10);
    expect(lease.token).toBeGreaterThan(held.token);
    expect(opsOn(world)).toEqual(['acquire', 'release', 'acquire']);
  });

  it('only the first waiter in line asks the nodes while another process has the lock', async () => {
    const world = new VirtualWorld(3);
    const held = await world.clock.until(world.manager().acquire(R));
    const locks = world.manager();
    const before = opsOn(world).length;
    const all = crowd(world, locks, 50);
    await world.clock.advance(10);
    // Once, and once more when it can be notified.
    expect(opsOn(world).length - before).toBe(2);
    await world.clock.until(held.release());
    expect(await world.clock.until(all)).toHaveLength(50);
  });

  it('a process that stands behind others on the lists lets them have their runs before it looks by itself', async () => {
    const world = new VirtualWorld(3);
    const held = await world.clock.until(world.manager().acquire(R));
    const wait = async (): Promise<Promise<Lease>[]> => {
      const locks = world.manager();
      const leases = [locks.acquire(R, WAITS), locks.acquire(R, WAITS)];
      await world.clock.advance(20);
      return leases;
    };
    const [first] = await wait();
    const [second] = await wait();
    void (await wait());
    await world.clock.until(held.release());
    const lease = await world.clock.until(first!, 10);
    // Longer than a run may take while others wait: so the keys go to the next process.
    await world.clock.advance(30);
    await world.clock.until(lease.release());
    await world.clock.until(second!, 10);
    const asked = opsOn(world).length;
    // Two others, 25 ms each, and 100 ms of its own.
    await world.clock.advance(140);
    expect(opsOn(world).length).toBe(asked);
    await world.clock.advance(20);
    expect(opsOn(world).slice(asked)).toEqual(['acquire']);
  });

  it.each([
    ['by hand', 'maintenance'],
    ['with the name of one of ours', '0123456789abcdef0123456789abcdef@someone'],
  ])('a waiter asks at its normal pace for a key without an expiry that was set %s', async (_, owner) => {
    const world = new VirtualWorld(3);
    for (const node of world.nodes)
      node.vote = () => {
        asked++;
        return Promise.resolve({ kind: 'refused', reason: 'held', owner, remainingMs: 0 });
      };
    let asked = 0;
    const waiting = world.manager().acquire(R, { waitMs: 3_000, retryDelayMs: 100 });
    await expect(world.clock.until(waiting)).rejects.toMatchObject({ reason: 'held', retryAfterMs: 0 });
    // Two looks each, the first of which may be a split vote: once in 50 to 150 ms, on three nodes.
    expect(asked).toBeLessThanOrEqual(3 * 2 * (3_000 / 100 + 2));
  });

  it('a waiter for one of the resources that are released together is woken', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const both = await world.clock.until(locks.acquire(['a', 'b']));
    const waiting = locks.acquire('b', { waitMs: 60_000, retryDelayMs: 30_000 });
    await world.clock.advance(100);
    await world.clock.until(both.release());
    await world.clock.until(waiting, 20);
  });
});

/** Whether a waiter is handed the lease when the holder releases it. */
async function isHanded(
  options: AcquireOptions,
  holder: AcquireOptions = {},
  meanwhile: (world: VirtualWorld) => unknown = () => undefined,
): Promise<boolean> {
  const world = new VirtualWorld(3);
  const locks = world.manager();
  const holding = locks.acquire(R, { ...WAITS, ...holder });
  const waiting = locks.acquire(R, { ...WAITS, ...options });
  waiting.catch(() => undefined);
  const held = await world.clock.until(holding);
  await meanwhile(world);
  void held.release();
  const acquired = world.eventsOf('acquired').length === 2;
  expect(world.eventsOf('released')).toHaveLength(acquired ? 1 : 0);
  await world.clock.advance(10);
  expect(opsOn(world).includes('release')).toBe(!acquired);
  return acquired;
}

describe('a lease that is handed over', () => {
  it.each<[string, AcquireOptions, AcquireOptions]>([
    ['to a waiter that wants the same', {}, {}],
    ['to a waiter with maxHoldMs, which counts for each lease', { maxHoldMs: 30_000 }, {}],
    ['to a waiter with minHoldMs', { minHoldMs: 500 }, {}],
  ])('a lease is handed over %s', async (_who, options, holder) => {
    expect(await isHanded(options, holder)).toBe(true);
  });

  it('a lease is handed over during an extension, which then counts for the new holder', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const options = { ...WAITS, ttlMs: 1_000 };
    const holding = locks.acquire(R, options);
    const waiting = locks.acquire(R, options);
    const held = await world.clock.until(holding);
    await world.clock.advance(50);
    const extending = held.extend();
    void held.release();
    const lease = await world.clock.until(waiting, 0);
    expect(lease.remainingMs()).toBeLessThan(960);
    await expect(world.clock.until(extending)).rejects.toMatchObject({ reason: 'released' });
    expect(lease.remainingMs()).toBeGreaterThan(970);
    expect(world.eventsOf('lost')).toEqual([]);
    await world.clock.advance(5_000);
    lease.assertHeld();
    await world.clock.until(lease.release());
    expect(await world.leftovers(R)).toEqual([]);
  });

  it('a second release of a lease that was handed over takes nothing from the new one', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const [holding, waiting] = [locks.acquire(R, WAITS), locks.acquire(R, WAITS)];
    const held = await world.clock.until(holding);
    await held.release();
    const lease = await world.clock.until(waiting, 0);
    await held.release();
    expect(() => held.assertHeld()).toThrow('released');
    await world.clock.advance(1_000);
    lease.assertHeld();
    expect(await world.owners(R)).toHaveLength(3);
  });
});

describe('release in a listener', () => {
  it('a second release from a listener of the first one takes nothing from the new lease', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const [holding, waiting] = [locks.acquire(R, WAITS), locks.acquire(R, WAITS)];
    const held = await world.clock.until(holding);
    locks.subscribe(({ type }) => type === 'released' && void held.release());
    await held.release();
    const lease = await world.clock.until(waiting, 0);
    await world.clock.advance(1_000);
    lease.assertHeld();
    expect(opsOn(world)).toEqual(['acquire']);
    expect(await world.owners(R)).not.toContain(undefined);
  });
});

describe('a lease that is not handed over', () => {
  const abort = new AbortController();
  const nothing = (): Promise<void> => Promise.resolve();
  it.each<[string, AcquireOptions, AcquireOptions, (world: VirtualWorld) => unknown]>([
    ['to a waiter that wants another TTL', { ttlMs: 20_000 }, {}, nothing],
    ['to a waiter that wants it for a whole TTL, and no longer', { autoExtend: false }, {}, nothing],
    ['to a waiter with a tick, which has to be recorded', { tick: 7 }, {}, nothing],
    ['if its holder has minHoldMs', {}, { minHoldMs: 1_000 }, nothing],
    ['to a waiter whose time is over', { waitMs: 50 }, {}, (world) => world.clock.advance(60)],
    [
      'to a waiter whose time is over, although no timer has fired',
      { waitMs: 50 },
      {},
      (world) => world.clock.freeze(60),
    ],
    ['to a waiter that was aborted', { signal: abort.signal }, {}, () => abort.abort()],
    ['after it was held for long', {}, {}, (world) => world.clock.advance(101)],
    ['after the machine has slept', {}, {}, (world) => world.clock.stepWall(20_000)],
    ['of a run with a tick, whose end the nodes have to record', {}, { tick: 1 }, nothing],
  ])('a lease is not handed over %s', async (_who, options, holder, meanwhile) => {
    expect(await isHanded(options, holder, meanwhile)).toBe(false);
  });

  it('a lost lease is not handed over: the next waiter gets the lock when the keys have expired', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const options = { ...WAITS, ttlMs: 1_000 };
    const holding = locks.acquire(R, options);
    const waiting = locks.acquire(R, options);
    const held = await world.clock.until(holding);
    for (const node of world.nodes) node.behaviour = { ...node.behaviour, loseReplyAfterMs: 1 };
    await world.clock.advance(1_000);
    expect(held.signal.aborted).toBe(true);
    for (const node of world.nodes) node.behaviour = { requestMs: 1, replyMs: 1 };
    const lease = await world.clock.until(waiting, 3_000);
    expect(lease.token).toBeGreaterThan(held.token);
  });
});

describe('the end of a wait', () => {
  it('a waiter behind the first one ends at its own deadline, as held', async () => {
    const world = new VirtualWorld(3);
    await world.clock.until(world.manager({ holder: 'other' }).acquire(R));
    const locks = world.manager();
    await world.clock.until(locks.started());
    const { timers } = world.clock;
    const [first, second] = [locks.acquire(R, { waitMs: 2_000 }), locks.acquire(R, { waitMs: 1_000 })].map(
      (acquiring) => acquiring.catch((error: unknown) => error),
    );
    const before = world.clock.now();
    expect(await world.clock.until(second!)).toMatchObject({ reason: 'held', owner: 'other' });
    expect(world.clock.now() - before).toBe(1_000);
    expect(await world.clock.until(first!)).toMatchObject({ reason: 'held', owner: 'other' });
    expect(world.clock.now() - before).toBeLessThan(2_010);
    await world.clock.advance(10);
    expect(world.clock.timers).toBe(timers);
  });

  it('a waiter that never asked the nodes ends as held by this process', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager({ holder: 'me' });
    await world.clock.until(locks.acquire(R));
    const acquiring = locks.acquire(R, { waitMs: 1_000 });
    const error = await world.clock.until(acquiring.catch((thrown: unknown) => thrown));
    expect(error).toMatchObject({ reason: 'held', owner: 'me' });
    expect((error as { retryAfterMs: number }).retryAfterMs).toBeGreaterThan(10_000);
  });

  it('all waiters in line end as unreachable if no majority answers', async () => {
    const world = new VirtualWorld(3);
    for (const node of world.nodes) node.down();
    const locks = world.manager();
    const errors = [1_000, 900].map((waitMs) =>
      locks.acquire(R, { waitMs }).catch((thrown: unknown) => thrown),
    );
    for (const error of await world.clock.until(Promise.all(errors), 1_100))
      expect(error).toMatchObject({ code: 'QUORUM_UNREACHABLE' });
  });

  it('a waiter ends by its signal, and the next in line goes on at once', async () => {
    const world = new VirtualWorld(3);
    const held = await world.clock.until(world.manager().acquire(R));
    const locks = world.manager();
    const abort = new AbortController();
    const first = locks.acquire(R, { ...WAITS, signal: abort.signal });
    first.catch(() => undefined);
    const second = locks.acquire(R, WAITS);
    await world.clock.advance(1_000);
    abort.abort(new Error('enough'));
    await expect(first).rejects.toThrow('enough');
    await world.clock.until(held.release());
    await world.clock.until(second, 500);
  });

  it('a waiter that is aborted during an attempt that is won leaves the lock to the next in line', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const abort = new AbortController();
    const first = locks.acquire(R, { ...WAITS, signal: abort.signal });
    first.catch(() => undefined);
    const second = locks.acquire(R, { ...WAITS, retryDelayMs: 30_000 });
    await world.clock.advance(0.5);
    abort.abort(new Error('enough'));
    await expect(first).rejects.toThrow('enough');
    await world.clock.until(second, 100);
    expect(world.eventsOf('acquired')).toHaveLength(1);
  });

  it('a waiter ends as already_ran if another call ran for its tick', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const [one, other] = [locks.acquire(R, { ...WAITS, tick: 5 }), locks.acquire(R, { ...WAITS, tick: 5 })];
    other.catch(() => undefined);
    await world.clock.until((await world.clock.until(one)).release());
    await expect(world.clock.until(other)).rejects.toMatchObject({ reason: 'already_ran' });
  });
});

describe('the fallback', () => {
  it('the fallback hands over what it holds, and this process gets nothing from the nodes meanwhile', async () => {
    const world = new VirtualWorld(3);
    for (const node of world.nodes) node.down();
    const locks = world.manager({ fallback: 'memory' });
    const [holding, waiting] = [locks.acquire(R, WAITS), locks.acquire(R, WAITS)];
    const held = await world.clock.until(holding);
    expect(held.fallback).toBe(true);
    for (const node of world.nodes) node.up();
    await world.clock.until(held.release());
    const lease = await world.clock.until(waiting, 10);
    expect(lease.fallback).toBe(true);
    expect(await world.clock.until(locks.tryAcquire(R))).toBeNull();
    await world.clock.until(lease.release());
    const next = await world.clock.until(locks.acquire(R));
    expect(next.fallback).toBe(false);
  });
});
