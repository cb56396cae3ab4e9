import { describe, expect, it } from '@jest/globals';
import {
  LockNotAcquiredError,
  QuorumUnreachableError,
  type AcquireOptions,
  type Lease,
  type LockManager,
} from '../../../src/index.js';
import { VirtualWorld } from '../../support/virtual-world.js';

const JOB = 'nightly';
const TICK = 1_700_000_000_000;
const TTL_MS = 3_000;
const RETRY: AcquireOptions = { tick: TICK, ttlMs: TTL_MS, retry: true };

const claim = (world: VirtualWorld, locks: LockManager, options: AcquireOptions = {}): Promise<Lease> =>
  world.clock.until(locks.acquire(JOB, { tick: TICK, ttlMs: TTL_MS, ...options }));

const refusal = (world: VirtualWorld, locks: LockManager, options: AcquireOptions = {}): Promise<unknown> =>
  claim(world, locks, options).then(
    () => 'granted',
    (error: unknown) => (error instanceof LockNotAcquiredError ? (error.run ?? error.reason) : error),
  );

/** A worker that dies in its run. */
async function dies(world: VirtualWorld, options: AcquireOptions = {}): Promise<void> {
  await claim(world, world.manager({ holder: 'dead' }), { autoExtend: false, ...options });
  await world.clock.advance(TTL_MS + 10);
}

const runs = (world: VirtualWorld) => Promise.all(world.nodes.map((node) => node.run(JOB)));

const marks = (world: VirtualWorld) =>
  runs(world).then((all) => all.map((run) => (run === undefined ? '-' : `${run.attempt} ${run.state}`)));

const opsOf = (world: VirtualWorld, node: number): string[] => world.nodes[node]!.log.map(({ op }) => op);

describe('the run of a tick', () => {
  it('is on record as started before the lease begins, and as finished after its release', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const lease = await claim(world, locks);
    expect(lease.attempt).toBe(1);
    expect(await marks(world)).toEqual(['1 started', '1 started', '1 started']);
    expect(await world.clock.until(locks.inspect(JOB))).toMatchObject({
      lastTick: TICK,
      lastRun: { tick: TICK, attempt: 1, state: 'started' },
    });
    await world.clock.until(lease.release());
    expect(await world.clock.until(lease.finished())).toBe(true);
    expect(await marks(world)).toEqual(['1 finished', '1 finished', '1 finished']);
    expect(await refusal(world, locks)).toEqual({ tick: TICK, attempt: 1, state: 'finished' });
    expect(await refusal(world, locks, RETRY)).toEqual({ tick: TICK, attempt: 1, state: 'finished' });
  });

  it('costs no round trip more than a lock whose token is confirmed', async () => {
    const world = new VirtualWorld(3);
    const lease = await claim(world, world.manager());
    await world.clock.until(lease.release());
    await world.clock.until(lease.finished());
    for (const node of [0, 1, 2]) expect(opsOf(world, node)).toEqual(['acquire', 'confirm', 'release']);
  });

  it('that was abandoned is refused to an ordinary claim, which is told so, and granted to a retry', async () => {
    const world = new VirtualWorld(3);
    await dies(world);
    const locks = world.manager();
    expect(await refusal(world, locks)).toEqual({ tick: TICK, attempt: 1, state: 'started' });
    const lease = await claim(world, locks, RETRY);
    expect(lease.attempt).toBe(2);
    await world.clock.until(lease.release());
    expect(await marks(world)).toEqual(['2 finished', '2 finished', '2 finished']);
  });

  it('is refused as held to a retry while its lock is held', async () => {
    const world = new VirtualWorld(3);
    await claim(world, world.manager());
    expect(await refusal(world, world.manager(), RETRY)).toBe('held');
  });

  it('is run by a retry that waits, when the lock of the dead worker runs out', async () => {
    const world = new VirtualWorld(3);
    await claim(world, world.manager(), { autoExtend: false });
    const lease = await claim(world, world.manager(), { ...RETRY, waitMs: 10_000 });
    expect(lease.attempt).toBe(2);
  });

  it('ends the wait of a retry when it is finished', async () => {
    const world = new VirtualWorld(3);
    const first = await claim(world, world.manager());
    const waiting = refusal(world, world.manager(), { ...RETRY, waitMs: 10_000 });
    await world.clock.advance(50);
    await world.clock.until(first.release());
    expect(await waiting).toEqual({ tick: TICK, attempt: 1, state: 'finished' });
  });

  it('is not retried above `attempts`, and nothing is confirmed then', async () => {
    const world = new VirtualWorld(3);
    await dies(world);
    await dies(world, RETRY);
    const record = { tick: TICK, attempt: 2, state: 'started' };
    expect(await refusal(world, world.manager(), { ...RETRY, attempts: 2 })).toEqual(record);
    expect(await marks(world)).toEqual(['2 started', '2 started', '2 started']);
    await world.clock.advance(10);
    expect(await world.leftovers(JOB)).toEqual([]);
    expect((await claim(world, world.manager(), { ...RETRY, attempts: 3 })).attempt).toBe(3);
  });

  it('stays started after a release with finish: false, and is not reported as finished', async () => {
    const world = new VirtualWorld(3);
    const lease = await claim(world, world.manager());
    await world.clock.until(lease.release({ finish: false }));
    expect(await world.clock.until(lease.finished())).toBe(false);
    expect((await claim(world, world.manager(), RETRY)).attempt).toBe(2);
  });

  it('is finished by withLock, also when the routine throws', async () => {
    const world = new VirtualWorld(3);
    const running = world.manager().withLock(JOB, { tick: TICK }, () => Promise.reject(new Error('x')));
    await expect(world.clock.until(running)).rejects.toThrow('x');
    expect(await marks(world)).toEqual(['1 finished', '1 finished', '1 finished']);
  });

  it('that lost its lease is finished all the same when its holder has stopped', async () => {
    const world = new VirtualWorld(3);
    const lease = await claim(world, world.manager(), { autoExtend: false });
    await world.clock.advance(TTL_MS);
    expect(lease.signal.aborted).toBe(true);
    await world.clock.until(lease.release());
    expect(await world.clock.until(lease.finished())).toBe(true);
    expect(await refusal(world, world.manager(), RETRY)).toMatchObject({ state: 'finished' });
  });

  it('that lost its lease is not finished over a later attempt', async () => {
    const world = new VirtualWorld(3);
    const first = await claim(world, world.manager(), { autoExtend: false });
    await world.clock.advance(TTL_MS);
    await claim(world, world.manager(), RETRY);
    await world.clock.until(first.release());
    expect(await world.clock.until(first.finished())).toBe(false);
    expect(await marks(world)).toEqual(['2 started', '2 started', '2 started']);
  });

  it('is not reported as finished before a majority has it on record, and is then', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const lease = await claim(world, locks);
    world.nodes[1]!.down();
    world.nodes[2]!.down();
    await world.clock.until(lease.release());
    let recorded: boolean | undefined;
    void lease.finished().then((value) => (recorded = value));
    await world.clock.advance(3_600_000);
    expect(recorded).toBeUndefined();
    expect(await marks(world)).toEqual(['1 finished', '1 started', '1 started']);
    world.nodes[1]!.up();
    await world.clock.advance(10);
    expect(recorded).toBe(true);
    expect(await marks(world)).toEqual(['1 finished', '1 finished', '1 started']);
  });

  it('is reported as not finished when the manager is closed before a majority has heard of it', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const lease = await claim(world, locks);
    world.nodes[1]!.down();
    world.nodes[2]!.down();
    await world.clock.until(lease.release());
    await world.clock.until(locks.close());
    await world.clock.advance(10_000);
    expect(await world.clock.until(lease.finished())).toBe(false);
  });

  it('is left as started when the manager is closed under it', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    await claim(world, locks);
    await world.clock.until(locks.close());
    expect(await marks(world)).toEqual(['1 started', '1 started', '1 started']);
    expect(await world.leftovers(JOB)).toEqual([]);
  });

  it('does not count what a node in quarantine acknowledges, and asks it again when that is over', async () => {
    const world = new VirtualWorld(3);
    const lease = await claim(world, world.manager());
    world.nodes[1]!.quarantine('its clock was stepped');
    world.nodes[2]!.down();
    await world.clock.until(lease.release());
    let recorded: boolean | undefined;
    void lease.finished().then((value) => (recorded = value));
    await world.clock.advance(20_000);
    expect(recorded).toBeUndefined();
    await world.nodes[1]!.trust();
    await world.clock.advance(10);
    expect(recorded).toBe(true);
  });

  it('has no number without a tick, and nothing is on record', async () => {
    const world = new VirtualWorld(3);
    const lease = await world.clock.until(world.manager().acquire(JOB));
    expect(lease.attempt).toBeUndefined();
    await world.clock.until(lease.release());
    expect(await lease.finished()).toBe(false);
    expect(await marks(world)).toEqual(['-', '-', '-']);
  });

  it('keys with a tick are not handed over inside the process: the nodes must hear of its end', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const lease = await claim(world, locks);
    const next = locks.acquire(JOB, { ttlMs: TTL_MS, waitMs: 5_000 });
    await world.clock.advance(20);
    await world.clock.until(lease.release());
    await world.clock.until(next);
    expect(await marks(world)).toEqual(['1 finished', '1 finished', '1 finished']);
  });
});

describe('a claim that confirmed its tick and ends without a lease', () => {
  /** Confirmed on a majority, and its caller has gone. */
  async function givesUp(world: VirtualWorld, options: AcquireOptions = {}): Promise<void> {
    const abort = new AbortController();
    const claiming = claim(world, world.manager(), { ...options, signal: abort.signal });
    claiming.catch(() => undefined);
    await world.clock.advance(2.5);
    abort.abort(new Error('gone'));
    await expect(claiming).rejects.toThrow('gone');
    await world.clock.advance(1_000);
  }

  it('takes its record back, and anybody runs the tick, as the next attempt', async () => {
    const world = new VirtualWorld(3);
    await givesUp(world);
    expect(opsOf(world, 0)).toEqual(['acquire', 'confirm', 'release']);
    expect(await marks(world)).toEqual(['1 open', '1 open', '1 open']);
    const locks = world.manager();
    expect(await world.clock.until(locks.inspect(JOB))).toMatchObject({
      lastTick: undefined,
      lastRun: { attempt: 1, state: 'open' },
    });
    expect((await claim(world, locks)).attempt).toBe(2);
  });

  it('leaves the record of an earlier attempt if it is a retry: that attempt did start', async () => {
    const world = new VirtualWorld(3);
    await dies(world);
    await givesUp(world, RETRY);
    expect(await marks(world)).toEqual(['2 started', '2 started', '2 started']);
    expect(await refusal(world, world.manager())).toMatchObject({ state: 'started' });
  });

  it('takes its record back if it judges of the nodes in the meantime that they may not vote', async () => {
    const world = new VirtualWorld(3);
    const claiming = refusal(world, world.manager());
    await world.clock.advance(2.5);
    for (const node of [world.nodes[0]!, world.nodes[2]!]) node.quarantine('its clock stands apart');
    expect(await claiming).toBeInstanceOf(QuorumUnreachableError);
    await world.clock.advance(10);
    expect(await marks(world)).toEqual(['1 open', '1 open', '1 open']);
    for (const node of world.nodes) await node.trust();
    expect((await claim(world, world.manager())).attempt).toBe(2);
  });

  it('takes its record back where only a minority has it, and goes on to win', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const claiming = claim(world, locks, { retries: 20 });
    await world.clock.advance(1.5);
    // The confirmations get lost, but for the first node's.
    for (const node of world.nodes.slice(1)) node.down();
    await world.clock.advance(300);
    for (const node of world.nodes.slice(1)) node.up();
    expect((await claiming).attempt).toBeGreaterThan(1);
  });
});
