import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import {
  currentLease,
  LeaseLostError,
  type AcquireOptions,
  type Lease,
  type LockNotAcquiredError,
} from '../../../src/index.js';
import { VirtualWorld } from '../../support/virtual-world.js';

const R = 'invoice:7';

/** Resolves after so many milliseconds of the world's clock. */
const pause = (world: VirtualWorld, delayMs: number): Promise<void> =>
  new Promise((resolve) => void world.clock.setTimer(resolve, delayMs));

const typesOf = (world: VirtualWorld): string[] =>
  world.events.map(({ type }) => type).filter((type) => type !== 'vote' && type !== 'node');

describe('a nested run that nobody awaits', () => {
  it('a nested run that nobody awaits keeps the keys until it ends, and the outer caller has its answer before', async () => {
    const world = new VirtualWorld(3);
    const [locks, others] = [world.manager(), world.manager()];
    let nested: Promise<string> | undefined;
    const outer = locks.withLock(R, () => {
      nested = locks.withLock(R, async () => {
        await pause(world, 1_500);
        return 'nested';
      });
      return 'outer';
    });
    expect(await world.clock.until(outer)).toBe('outer');
    expect(typesOf(world)).not.toContain('released');
    expect(await world.clock.until(others.tryAcquire(R))).toBeNull();
    expect(await world.clock.until(nested!)).toBe('nested');
    expect(typesOf(world).filter((type) => type === 'released')).toHaveLength(1);
    expect(await world.leftovers(R)).toEqual([]);
  });

  it('a nested run keeps the keys when the outer routine throws', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const failure = new Error('of the routine');
    let nested: Promise<void> | undefined;
    const outer = locks.withLock(R, () => {
      nested = locks.withLock(R, () => pause(world, 500));
      throw failure;
    });
    await expect(world.clock.until(outer)).rejects.toBe(failure);
    expect(await world.leftovers(R)).toHaveLength(3);
    await world.clock.until(nested!);
    expect(await world.leftovers(R)).toEqual([]);
  });

  it('the lease of a nested run is extended after the outer run has ended', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    let nested: Promise<number> | undefined;
    await world.clock.until(
      locks.withLock(R, { ttlMs: 1_000 }, () => {
        nested = locks.withLock(R, async (lease) => {
          await pause(world, 10_000);
          return lease.remainingMs();
        });
      }),
    );
    expect(await world.clock.until(nested!)).toBeGreaterThan(0);
  });

  it('a run that begins inside joins the lease, even after the outer run has ended', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const leases: Lease[] = [];
    const runs: Promise<void>[] = [];
    const note = async (lease: Lease): Promise<void> => {
      leases.push(lease);
      await pause(world, 1_000);
    };
    await world.clock.until(
      locks.withLock(R, (lease) => {
        leases.push(lease);
        runs.push(locks.withLock(R, note));
        void pause(world, 800).then(() => runs.push(locks.withLock(R, note)));
      }),
    );
    await world.clock.advance(1_500);
    expect(new Set(leases).size).toBe(1);
    expect(leases).toHaveLength(3);
    expect(await world.leftovers(R)).toHaveLength(3);
    await world.clock.until(Promise.all(runs));
    expect(await world.leftovers(R)).toEqual([]);
    expect(world.eventsOf('acquired')).toHaveLength(1);
  });

  it('a run that begins inside after the last run has ended acquires a lease of its own', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    let outer: Lease | undefined;
    let later: Promise<Lease> | undefined;
    await world.clock.until(
      locks.withLock(R, (lease) => {
        outer = lease;
        void pause(world, 100).then(() => (later = locks.withLock(R, (own) => own)));
      }),
    );
    await world.clock.advance(100);
    const own = await world.clock.until(later!);
    expect(own).not.toBe(outer);
    expect(own.token).toBeGreaterThan(outer!.token);
  });
});

/** What the garbage collector has left of it. */
async function isKept(weak: WeakRef<object>): Promise<boolean> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let turn = 0; turn < 10 && weak.deref() !== undefined; turn++) {
    await new Promise(setImmediate);
    collect();
  }
  return weak.deref() !== undefined;
}

describe('runs inside each other', () => {
  it('a nested call refuses bad options, as any other call does', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const outer = locks.withLock(R, async () => {
      await expect(locks.withLock(R, { ttlMs: -5 }, () => 'ran')).rejects.toThrow(RangeError);
      await expect(locks.withLock(R, { ttl: 5 } as AcquireOptions, () => 'ran')).rejects.toThrow('ttl');
      await expect(locks.withLock(R, null as unknown as AcquireOptions, () => 'ran')).rejects.toThrow();
      return 'outer';
    });
    expect(await world.clock.until(outer)).toBe('outer');
  });

  it('a tick does not run under a lease without one, or of an earlier tick: it would not be on record', async () => {
    const world = new VirtualWorld(3);
    const [locks, others] = [world.manager(), world.manager()];
    const { wallMs: tick } = world.clock.stamp();
    const ran: string[] = [];
    const under = (name: string): Promise<unknown>[] => [
      locks.withLock(R, { tick }, () => ran.push(name)).catch((error: LockNotAcquiredError) => error.reason),
      locks.runOnce({ key: R, tick }, () => ran.push(name)).then((result) => result.ran || result.reason),
    ];
    const refused = locks.withLock(R, () => Promise.all(under('none')));
    expect(await world.clock.until(refused)).toEqual(['held', 'held']);
    const earlier = locks.runOnce({ key: R, tick: tick - 1 }, () => Promise.all(under('earlier')));
    expect(await world.clock.until(earlier)).toMatchObject({ value: ['held', 'held'] });
    expect(ran).toEqual([]);
    const same = locks.runOnce({ key: R, tick }, () => Promise.all(under('same')));
    expect(await world.clock.until(same)).toMatchObject({ ran: true });
    expect(ran).toEqual(['same', 'same']);
    const again = world.clock.until(others.withLock(R, { tick }, () => ran.push('again')));
    await expect(again).rejects.toMatchObject({ reason: 'already_ran' });
  });

  it('a recursion under one lease may go deeper than a stack', async () => {
    const world = new VirtualWorld(1);
    const locks = world.manager();
    const descend = (left: number): Promise<string> =>
      locks.withLock(R, () => (left === 0 ? 'the bottom' : descend(left - 1)));
    expect(await world.clock.until(descend(4_000))).toBe('the bottom');
    expect(await world.leftovers(R)).toEqual([]);
  });

  it('a run that begins where another one has ended does not keep that one in memory', async () => {
    const world = new VirtualWorld(1);
    const locks = world.manager();
    let first: WeakRef<object> | undefined;
    let last: Promise<void> | undefined;
    let door = (): void => undefined;
    // Each run begins the next one, as a timer does that its routine sets.
    const begin = (left: number): Promise<void> =>
      locks.withLock(`${R}:${left}`, async (lease) => {
        first ??= new WeakRef(lease);
        if (left === 0) await new Promise<void>((resolve) => (door = resolve));
        else void pause(world, 100 * left).then(() => (last = begin(left - 1)));
      });
    await world.clock.until(begin(3));
    await world.clock.advance(1_000);
    expect(await isKept(first!)).toBe(false);
    door();
    await world.clock.until(last!);
  });
});

describe('a nested run whose lease is lost', () => {
  it('a nested run whose lease is lost rejects with the same LeaseLostError as the outer run', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    let nested: unknown;
    const outer = locks.withLock(R, { ttlMs: 1_000 }, async () => {
      for (const node of world.nodes) node.stop();
      const running = locks.withLock(R, async () => {
        await pause(world, 5_000);
        return 'success';
      });
      nested = await running.catch((error: unknown) => error);
      return 'success';
    });
    const lost: unknown = await world.clock.until(outer.catch((error: unknown) => error));
    expect(lost).toBeInstanceOf(LeaseLostError);
    expect(nested).toBe(lost);
  });

  it('a nested run that blocks the process beyond the TTL rejects with a LeaseLostError', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    let nested: unknown;
    const outer = locks.withLock(R, { ttlMs: 1_000 }, async () => {
      const running = locks.withLock(R, () => world.clock.freeze(5_000));
      nested = await running.catch((error: unknown) => error);
    });
    await expect(world.clock.until(outer)).rejects.toBeInstanceOf(LeaseLostError);
    expect(nested).toBeInstanceOf(LeaseLostError);
  });

  it('a nested run rejects when the lease is lost after the outer run has ended well', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    let nested: Promise<void> | undefined;
    const outer = locks.withLock(R, { ttlMs: 1_000 }, () => {
      nested = locks.withLock(R, () => pause(world, 5_000));
      return 'success';
    });
    expect(await world.clock.until(outer)).toBe('success');
    for (const node of world.nodes) node.stop();
    await expect(world.clock.until(nested!)).rejects.toMatchObject({
      code: 'LEASE_LOST',
      reason: 'unreachable',
    });
  });

  it('a nested run rejects when somebody has released the lease that it shares', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    let nested: Promise<void> | undefined;
    await world.clock
      .until(
        locks.withLock(R, async (lease) => {
          nested = locks.withLock(R, () => pause(world, 1_000));
          nested.catch(() => undefined);
          await lease.release();
        }),
      )
      .catch(() => undefined);
    await expect(world.clock.until(nested!)).rejects.toMatchObject({ reason: 'released' });
  });
});

describe('a manager that is closed while a nested run goes on', () => {
  it('close() waits for the end of a nested run, up to drainMs', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    let nested: Promise<string> | undefined;
    await world.clock.until(
      locks.withLock(R, () => {
        nested = locks.withLock(R, async () => {
          await pause(world, 2_000);
          return 'done';
        });
      }),
    );
    const began = world.clock.now();
    await world.clock.until(locks.close({ drainMs: 10_000 }));
    expect(world.clock.now() - began).toBeGreaterThanOrEqual(1_900);
    expect(await nested).toBe('done');
    expect(world.eventsOf('lost')).toEqual([]);
  });

  it('close() ends the lease of a nested run after drainMs, and the run may outlive the manager', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    let nested: Promise<void> | undefined;
    await world.clock.until(
      locks.withLock(R, () => {
        nested = locks.withLock(R, () => pause(world, 20_000));
        nested.catch(() => undefined);
      }),
    );
    await world.clock.until(locks.close({ drainMs: 1_000 }));
    expect(world.eventsOf('lost')).toMatchObject([{ reason: 'closed' }]);
    expect(await world.leftovers(R)).toEqual([]);
    await expect(world.clock.until(nested!)).rejects.toMatchObject({ reason: 'closed' });
  });
});

describe('the signal of a call of withLock', () => {
  const gone = new Error('nobody waits for it any more');

  it("the caller's signal aborts the signal of the lease, which is held until the routine has ended", async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const caller = new AbortController();
    const running = locks.withLock(R, { signal: caller.signal }, async (lease) => {
      expect(currentLease()).toBe(lease);
      expect(lease.signal.aborted).toBe(false);
      caller.abort(gone);
      expect(lease.signal.reason).toBe(gone);
      await pause(world, 1_000);
      lease.assertHeld();
      expect(await world.leftovers(R)).toHaveLength(3);
      return lease.remainingMs() > 0;
    });
    expect(await world.clock.until(running)).toBe(true);
    expect(await world.leftovers(R)).toEqual([]);
  });

  it("the caller's signal reaches nested runs, and that of a nested run does not reach the outer one", async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const [outerCaller, innerCaller] = [new AbortController(), new AbortController()];
    await world.clock.until(
      locks.withLock(R, { signal: outerCaller.signal }, async (outer) => {
        await locks.withLock(R, { signal: innerCaller.signal }, async (inner) => {
          innerCaller.abort(gone);
          expect([outer.signal.aborted, inner.signal.reason]).toEqual([false, gone]);
          expect([inner.resources, inner.name, inner.token]).toEqual([
            outer.resources,
            outer.name,
            outer.token,
          ]);
        });
        await locks.withLock(R, (inner) => {
          outerCaller.abort(gone);
          expect(inner.signal.reason).toBe(gone);
        });
        await expect(locks.withLock(R, { signal: innerCaller.signal }, () => 'runs')).rejects.toBe(gone);
      }),
    );
  });

  it('a lost lease aborts its signal with a LeaseLostError, though the caller gave a signal', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const caller = new AbortController();
    let reason: unknown;
    const running = locks.withLock(R, { signal: caller.signal, ttlMs: 1_000 }, async (lease) => {
      for (const node of world.nodes) node.stop();
      lease.signal.addEventListener('abort', () => (reason = lease.signal.reason));
      await pause(world, 5_000);
    });
    await expect(world.clock.until(running)).rejects.toBeInstanceOf(LeaseLostError);
    expect(reason).toBeInstanceOf(LeaseLostError);
  });

  it("the caller's signal cancels a call that waits for its lease", async () => {
    const world = new VirtualWorld(3);
    const held = await world.clock.until(world.manager().acquire(R));
    const caller = new AbortController();
    const running = world.manager().withLock(R, { signal: caller.signal, waitMs: 10_000 }, () => 'runs');
    await world.clock.advance(100);
    caller.abort(gone);
    await expect(world.clock.until(running)).rejects.toBe(gone);
    await world.clock.until(held.release());
  });
});
