import { describe, expect, it } from '@jest/globals';
import { LockNotAcquiredError, QuorumUnreachableError } from '../../../src/index.js';
import type { Lease, LockManager, LockManagerOptions } from '../../../src/index.js';
import { overlapsIn, type Interval } from '../../support/overlaps.js';
import { VirtualNode } from '../../support/virtual-node.js';
import { VirtualWorld } from '../../support/virtual-world.js';

const R = 'invoice:7';
const TTL_MS = 3_000;

/** Three nodes, and a database as the fallback of every manager. */
class WorldWithFallback extends VirtualWorld {
  readonly database = new VirtualNode('database', this.clock);

  constructor() {
    super(3);
  }

  override manager(options: Partial<LockManagerOptions> = {}): LockManager {
    return super.manager({ fallback: this.database, ...options });
  }

  /** All nodes, as every process sees them. */
  set nodesDown(down: boolean) {
    for (const node of this.nodes)
      if (down) node.down();
      else node.up();
  }

  set databaseDown(down: boolean) {
    if (down) this.database.down();
    else this.database.up();
  }

  /** Lets time pass until the promise is settled. */
  async settled<T>(promise: Promise<T>): Promise<T> {
    let isOver = false;
    const end = (): void => void (isOver = true);
    promise.then(end, end);
    for (const until = this.clock.now() + 400_000; !isOver; await this.clock.advance(5))
      if (this.clock.now() > until) throw new Error('it never settles');
    return promise;
  }

  acquire(locks: LockManager, options: object = {}): Promise<Lease> {
    return this.settled(locks.acquire(R, { ttlMs: TTL_MS, ...options }));
  }

  async reasonOf(locks: LockManager): Promise<string> {
    try {
      await this.settled((await this.acquire(locks)).release());
      return 'granted';
    } catch (error) {
      if (error instanceof LockNotAcquiredError) return error.reason;
      return error instanceof QuorumUnreachableError ? 'unreachable' : String(error);
    }
  }
}

describe('a fallback across processes', () => {
  it('a lease of the nodes is held in the database too, and released there', async () => {
    const world = new WorldWithFallback();
    const lease = await world.acquire(world.manager());
    expect(lease.fallback).toBe(false);
    expect(await world.database.owner(R)).toBeDefined();
    await world.clock.advance(4 * TTL_MS);
    expect(lease.signal.aborted).toBe(false);
    expect(await world.database.owner(R)).toBeDefined();
    await world.settled(lease.release());
    expect(await world.database.owner(R)).toBeUndefined();
    expect(await world.leftovers(R)).toEqual([]);
  });

  it('without the nodes the database grants, loudly, and its lease is held by the same rules', async () => {
    const world = new WorldWithFallback();
    const [one, other] = [world.manager(), world.manager()];
    world.nodesDown = true;
    const lease = await world.acquire(one);
    expect(lease.fallback).toBe(true);
    expect(one.health()).toMatchObject({ status: 'degraded' });
    expect(world.warnings.join()).toContain('no majority of the nodes can be reached: database grants');
    expect(world.eventsOf('fallback')).toMatchObject([{ active: true }]);
    expect(await world.reasonOf(other)).toBe('held');
    await world.clock.advance(4 * TTL_MS);
    expect(lease.signal.aborted).toBe(false);
    await world.settled(lease.release());
    expect(await world.reasonOf(other)).toBe('granted');
  });

  it('when the nodes are back, what is held in the database is not granted by them', async () => {
    const world = new WorldWithFallback();
    const [one, other] = [world.manager(), world.manager()];
    world.nodesDown = true;
    const lease = await world.acquire(one);
    world.nodesDown = false;
    expect(await world.reasonOf(other)).toBe('held');
    expect(await world.reasonOf(one)).toBe('held');
    await world.clock.advance(50);
    expect(await world.leftovers(R)).toEqual([]);
    await world.settled(lease.release());
    const next = await world.acquire(other);
    expect(next.fallback).toBe(false);
    expect(next.token).toBeGreaterThan(lease.token);
    expect(world.eventsOf('fallback').map(({ active }) => active)).toContain(false);
  });

  it('a process that cannot reach the nodes is refused what another holds on them', async () => {
    const world = new WorldWithFallback();
    const holder = world.manager();
    const lease = await world.acquire(holder);
    const away = new VirtualWorld(3);
    for (const node of away.nodes) node.down();
    const cutOff = world.manager({ nodes: away.nodes });
    await world.clock.advance(2 * TTL_MS);
    expect(await world.reasonOf(cutOff)).toBe('held');
    await world.settled(lease.release());
    expect(await world.reasonOf(cutOff)).toBe('granted');
  });

  it('a lease that is transferred and adopted goes on in the database, too', async () => {
    const world = new WorldWithFallback();
    const lease = await world.acquire(world.manager());
    const before = await world.database.owner(R);
    const taker = world.manager();
    const adopted = await world.settled(taker.adopt(await world.settled(lease.transfer())));
    expect(adopted.token).toBeGreaterThan(lease.token);
    const after = await world.database.owner(R);
    expect(after).toBeDefined();
    expect(after).not.toBe(before);
    await world.clock.advance(4 * TTL_MS);
    adopted.assertHeld();
    expect(await world.reasonOf(world.manager())).toBe('held');
    await world.settled(adopted.release());
    expect(await world.database.owner(R)).toBeUndefined();
  });

  it('a lease that was not transferred is not adopted, and nothing is adopted by the database', async () => {
    const world = new WorldWithFallback();
    const lease = await world.acquire(world.manager());
    await expect(world.manager().adopt(lease.toJSON())).rejects.toThrow('has to be transferred first');
    const json = await world.settled(lease.transfer());
    world.nodesDown = true;
    await expect(world.settled(world.manager().adopt(json))).rejects.toThrow(QuorumUnreachableError);
    expect(await world.database.owner(R)).toBeUndefined();
    world.nodesDown = false;
    await world.settled(world.manager().adopt(json));
  });

  it('tokens grow over every change of sides', async () => {
    const world = new WorldWithFallback();
    const locks = world.manager();
    const tokens: number[] = [];
    for (const down of [false, true, true, false, true, false, false]) {
      world.nodesDown = down;
      const lease = await world.acquire(locks);
      tokens.push(lease.token);
      await world.settled(lease.release());
      await world.clock.advance(50);
    }
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
  });

  it('tokens grow though each side gave some while the other was away', async () => {
    const world = new WorldWithFallback();
    const locks = world.manager();
    const tokens: number[] = [];
    for (const away of ['none', 'database', 'nodes', 'nodes', 'database', 'nodes', 'none', 'database']) {
      world.nodesDown = away === 'nodes';
      world.databaseDown = away === 'database';
      for (let times = 0; times < 5; times++) {
        const lease = await world.acquire(locks);
        tokens.push(lease.token);
        await world.settled(lease.release());
        await world.clock.advance(20);
      }
    }
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
  });

  it('a process whose clock is far ahead gets locks from either side all the same', async () => {
    const world = new WorldWithFallback();
    world.clock.stepWall(3_600_000);
    const locks = world.manager();
    world.databaseDown = true;
    await world.settled((await world.acquire(locks)).release());
    world.databaseDown = false;
    world.nodesDown = true;
    await world.settled((await world.acquire(locks)).release());
  });

  it('while the database is away the nodes grant, with one warning, and it learns of the lease later', async () => {
    const world = new WorldWithFallback();
    const [one, other] = [world.manager(), world.manager()];
    world.databaseDown = true;
    const lease = await world.acquire(one);
    expect(lease.fallback).toBe(false);
    expect(await world.reasonOf(other)).toBe('held');
    expect(world.warnings.filter((warning) => warning.includes('database cannot be reached'))).toHaveLength(
      1,
    );
    world.databaseDown = false;
    await world.clock.advance(50);
    expect(await world.database.owner(R)).toBeDefined();
    await world.settled(lease.release());
    expect(await world.database.owner(R)).toBeUndefined();
  });

  it('nodes that come and go all the time are some lines and a count, which says how it is now', async () => {
    const world = new WorldWithFallback();
    const locks = world.manager();
    const flap = async (): Promise<void> => {
      for (const down of [true, false]) {
        world.nodesDown = down;
        expect(await world.reasonOf(locks)).toBe('granted');
      }
    };
    const lines = (): string[] => world.warnings.filter((warning) => warning.startsWith('fallback'));
    for (let times = 0; times < 50; times++) await flap();
    expect(world.eventsOf('fallback')).toHaveLength(100);
    expect(lines()).toHaveLength(6);
    await world.clock.advance(60_000);
    expect(lines().slice(6)).toEqual([
      'fallback: it began or ended 94 more times in 60 s; now it is over: ' +
        'a majority of the nodes answers again',
    ]);
    await flap();
    expect(lines()).toHaveLength(9);
    for (let times = 0; times < 5; times++) await flap();
    await world.settled(locks.close());
    await world.clock.advance(60_000);
    expect(lines()).toHaveLength(13);
  });

  it('a database that comes and goes all the time is some lines and a count', async () => {
    const world = new WorldWithFallback();
    const locks = world.manager();
    for (let times = 0; times < 50; times++)
      for (const down of [true, false]) {
        world.databaseDown = down;
        expect(await world.reasonOf(locks)).toBe('granted');
      }
    expect(world.warnings.filter((warning) => warning.startsWith('database cannot'))).toHaveLength(6);
    await world.clock.advance(60_000);
    expect(world.warnings.slice(6)).toEqual([
      'database could not be reached 44 more times in 60 s: ' +
        'what was granted meanwhile was not on record there',
    ]);
  });

  it('a lease whose record ended while the database hung is recorded again, and told once', async () => {
    const world = new WorldWithFallback();
    const lease = await world.acquire(world.manager());
    world.database.stop();
    await world.clock.advance(4 * TTL_MS);
    expect(await world.database.owner(R)).toBeUndefined();
    expect(lease.signal.aborted).toBe(false);
    expect(world.warnings.filter((warning) => warning.includes('database cannot be reached'))).toHaveLength(
      1,
    );
    world.database.resume();
    await world.clock.advance(3_000);
    const owner = await world.database.owner(R);
    expect(owner).toBeDefined();
    await world.clock.advance(4 * TTL_MS);
    expect(await world.database.owner(R)).toBe(owner);
    await world.settled(lease.release());
    expect(await world.database.owner(R)).toBeUndefined();
  });

  it('the run of a tick, too, is recorded again, and its end', async () => {
    const world = new WorldWithFallback();
    const [locks, other] = [world.manager(), world.manager()];
    const tick = world.clock.stamp().wallMs;
    let end = (): void => undefined;
    const job = { key: R, tick, ttlMs: TTL_MS, abandoned: 'retry' } as const;
    const run = locks.runOnce(job, () => new Promise<void>((resolve) => (end = resolve)));
    await world.clock.advance(100);
    world.database.stop();
    await world.clock.advance(4 * TTL_MS);
    world.database.resume();
    await world.clock.advance(3_000);
    expect(await world.database.owner(R)).toBeDefined();
    end();
    expect(await world.settled(run)).toMatchObject({ ran: true });
    world.nodesDown = true;
    const again = other.runOnce(job, () => Promise.resolve());
    expect(await world.settled(again)).toMatchObject({ ran: false });
  });

  it('a holder that loses its lease with the nodes has the rest of its time to stop', async () => {
    const world = new WorldWithFallback();
    const [one, other] = [world.manager(), world.manager()];
    const lease = await world.acquire(one);
    world.nodesDown = true;
    await world.settled(new Promise((resolve) => lease.signal.addEventListener('abort', resolve)));
    expect(await world.database.owner(R)).toBeDefined();
    expect(await world.reasonOf(other)).toBe('held');
    await world.clock.advance(TTL_MS);
    expect(await world.reasonOf(other)).toBe('granted');
  });

  it('a holder that lost its lease, and says that it has stopped, frees the resource', async () => {
    const world = new WorldWithFallback();
    const [one, other] = [world.manager(), world.manager()];
    const lease = await world.acquire(one);
    world.nodesDown = true;
    await world.settled(new Promise((resolve) => lease.signal.addEventListener('abort', resolve)));
    await world.settled(lease.release());
    expect(await world.reasonOf(other)).toBe('granted');
  });

  it('keys that are to be left at the end are left in the database, too', async () => {
    const world = new WorldWithFallback();
    const locks = world.manager();
    await world.acquire(locks);
    await world.settled(locks.close({ leaveKeys: true }));
    expect(await world.database.owner(R)).toBeDefined();
    await world.clock.advance(2 * TTL_MS);
    expect(await world.database.owner(R)).toBeUndefined();
  });

  it.each([
    ['on the nodes', false],
    ['in the database, while the nodes are away', true],
  ])('an operator takes what is held %s', async (_name, down) => {
    const world = new WorldWithFallback();
    world.nodesDown = down;
    const lease = await world.acquire(world.manager({ holder: 'a:1' }), { ttlMs: 30_000 });
    const operator = world.manager();
    expect(await world.settled(operator.forceRelease(R, { reason: 'it hangs' }))).toBe('a:1');
    const next = await world.acquire(world.manager());
    expect(next.token).toBeGreaterThan(lease.token);
    await world.clock.advance(30_000);
    expect(lease.signal.aborted).toBe(true);
    next.assertHeld();
  });

  it('an operator takes nothing where nobody holds it, and is told when neither side answers', async () => {
    const world = new WorldWithFallback();
    const operator = world.manager();
    expect(await world.settled(operator.forceRelease(R, { reason: 'it hangs' }))).toBeUndefined();
    world.nodesDown = true;
    world.databaseDown = true;
    await expect(world.settled(operator.forceRelease(R, { reason: 'it hangs' }))).rejects.toBeInstanceOf(
      QuorumUnreachableError,
    );
  });

  it('a database that cannot vote is told at once, with the reason', () => {
    const world = new WorldWithFallback();
    world.manager();
    world.database.setState({ status: 'misconfigured', reason: 'there is no such table' });
    expect(world.warnings).toEqual([expect.stringContaining('database has no vote: there is no such table')]);
  });

  it('without either side the error is that of the nodes, and nothing is left', async () => {
    const world = new WorldWithFallback();
    const locks = world.manager();
    world.nodesDown = true;
    expect(locks.health().status).toBe('degraded');
    world.databaseDown = true;
    expect(await world.reasonOf(locks)).toBe('unreachable');
    world.database.setState({ status: 'unreachable', reason: 'gone' });
    expect(locks.health().status).toBe('down');
  });

  it('a tick that was run on one side is not run on the other', async () => {
    const world = new WorldWithFallback();
    const locks = world.manager();
    const tick = world.clock.stamp().wallMs;
    const run = (): Promise<{ ran: boolean }> =>
      world.settled(locks.runOnce({ key: R, tick, ttlMs: TTL_MS }, () => Promise.resolve()));
    expect(await run()).toMatchObject({ ran: true });
    world.nodesDown = true;
    expect(await run()).toMatchObject({ ran: false });
    const later = tick + 10;
    const runLater = (): Promise<{ ran: boolean }> =>
      world.settled(locks.runOnce({ key: R, tick: later, ttlMs: TTL_MS }, () => Promise.resolve()));
    expect(await runLater()).toMatchObject({ ran: true });
    world.nodesDown = false;
    expect(await runLater()).toMatchObject({ ran: false });
  });
});

/** A small repeatable generator of numbers from 0 to 1. */
function lehmer(seed: number): () => number {
  let state = seed * 7_919;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

/** Three processes that take turns, while all nodes fail and come back now and then. */
async function playIn(seed: number): Promise<{ held: Interval[]; tokens: number[]; sides: Set<boolean> }> {
  const random = lehmer(seed);
  const world = new WorldWithFallback();
  const held: Interval[] = [];
  const tokens: number[] = [];
  const sides = new Set<boolean>();
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => void world.clock.setTimer(resolve, ms * random()));
  const work = async (locks: LockManager, holder: string): Promise<void> => {
    for (let call = 0; call < 12; call++) {
      const lease = await locks.tryAcquire(R, { ttlMs: TTL_MS }).catch(() => null);
      if (lease !== null) {
        const from = world.clock.now();
        tokens.push(lease.token);
        sides.add(lease.fallback);
        const lost = new Promise<void>((resolve) =>
          lease.signal.addEventListener('abort', () => resolve(), { once: true }),
        );
        await Promise.race([pause(6_000), lost]);
        held.push({ resource: R, holder: `${holder}:${call}`, from, to: world.clock.now() });
        await lease.release().catch(() => undefined);
      }
      await pause(800);
    }
  };
  const faults = async (): Promise<void> => {
    for (let fault = 0; fault < 8; fault++) {
      await pause(6_000);
      world.nodesDown = fault % 2 === 0;
    }
    world.nodesDown = false;
  };
  const locks = [world.manager(), world.manager(), world.manager()];
  await world.settled(Promise.all([...locks.map((one, at) => work(one, `process-${at}`)), faults()]));
  return { held, tokens, sides };
}

describe('in random worlds', () => {
  it('two processes never hold a resource at once while all nodes go and come back, and tokens grow', async () => {
    const sides = new Set<boolean>();
    let holds = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const played = await playIn(seed);
      expect({ seed, overlaps: overlapsIn(played.held) }).toEqual({ seed, overlaps: [] });
      expect(played.tokens).toEqual([...new Set(played.tokens)].sort((a, b) => a - b));
      for (const side of played.sides) sides.add(side);
      holds += played.held.length;
    }
    expect(sides).toEqual(new Set([true, false]));
    expect(holds).toBeGreaterThan(200);
  });
});
