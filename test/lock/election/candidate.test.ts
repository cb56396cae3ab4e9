import { describe, expect, it } from '@jest/globals';
import {
  LeaseLostError,
  LockManagerClosedError,
  type Election,
  type ElectionOptions,
  type LockManager,
} from '../../../src/index.js';
import { VirtualWorld } from '../../support/virtual-world.js';

const R = 'reports';
const TTL_MS = 10_000;

/** Resolves after so many milliseconds of the world's clock. */
const pause = (world: VirtualWorld, delayMs: number): Promise<void> =>
  new Promise((resolve) => void world.clock.setTimer(resolve, delayMs));

/** A candidate, and what it was told, in order. */
function stand(
  locks: LockManager,
  options: ElectionOptions = {},
): { readonly election: Election; readonly told: string[] } {
  const told: string[] = [];
  const election = locks.elect(R, {
    ttlMs: TTL_MS,
    ...options,
    onElected: (lease) => {
      told.push('elected');
      return options.onElected?.(lease);
    },
    onLost: (reason) => {
      told.push(reason);
      return options.onLost?.(reason);
    },
  });
  return { election, told };
}

const typesOf = (world: VirtualWorld): string[] =>
  world.events
    .map(({ type }) => type)
    .filter((type) => ['candidate', 'elected', 'deposed', 'acquired', 'released', 'lost'].includes(type));

describe('an election', () => {
  it('has one leader, and tells it', async () => {
    const world = new VirtualWorld(3);
    const one = stand(world.manager({ holder: 'one' }));
    await world.clock.advance(100);
    const two = stand(world.manager({ holder: 'two' }));
    await world.clock.advance(60_000);
    expect([one.election.isLeader, two.election.isLeader]).toEqual([true, false]);
    expect([one.told, two.told]).toEqual([['elected'], []]);
    expect(one.election.lease?.token).toBeGreaterThan(0);
    expect(two.election.lease).toBeUndefined();
    expect(world.eventsOf('elected')).toEqual([
      {
        type: 'elected',
        id: 1,
        name: R,
        resources: [R],
        token: one.election.lease?.token,
        worker: 'one',
      },
    ]);
    expect(world.eventsOf('candidate').map(({ worker }) => worker)).toEqual(['one', 'two']);
  });

  it('has a new leader at once when the leader stops', async () => {
    const world = new VirtualWorld(3);
    const one = stand(world.manager());
    await world.clock.advance(100);
    const two = stand(world.manager());
    await world.clock.advance(100);
    const stopped = one.election.stop();
    await world.clock.advance(20);
    expect([one.election.isLeader, two.election.isLeader]).toEqual([false, true]);
    expect([one.told, two.told]).toEqual([['elected', 'resigned'], ['elected']]);
    await world.clock.until(stopped);
    await world.clock.until(two.election.stop());
    expect(typesOf(world)).toEqual([
      ...['candidate', 'acquired', 'elected', 'candidate'],
      ...['deposed', 'released', 'acquired', 'elected', 'deposed', 'released'],
    ]);
    expect(await world.leftovers(R)).toEqual([]);
  });

  it('has a new leader within the TTL and one retry when the leader has died', async () => {
    const world = new VirtualWorld(3);
    // Nobody extends the lease of a process that was killed.
    await world.clock.until(world.manager().acquire(R, { ttlMs: TTL_MS, autoExtend: false }));
    const since = world.clock.now();
    const next = stand(world.manager());
    await world.clock.advance(TTL_MS - 200);
    expect(next.election.isLeader).toBe(false);
    await world.clock.advance(500);
    expect(next.election.isLeader).toBe(true);
    expect(world.clock.now() - since).toBeLessThan(TTL_MS + 500);
  });

  it('deposes a leader that reaches no majority before its keys expire, and elects it again', async () => {
    const world = new VirtualWorld(3);
    const { election, told } = stand(world.manager());
    await world.clock.advance(100);
    const { signal } = election.lease!;
    for (const node of world.nodes) node.down();
    await world.clock.advance(TTL_MS);
    expect(told).toEqual(['elected', 'unreachable']);
    expect(signal.reason).toBeInstanceOf(LeaseLostError);
    expect(election.isLeader).toBe(false);
    for (const node of world.nodes) node.up();
    await world.clock.advance(TTL_MS + 1_000);
    expect(told).toEqual(['elected', 'unreachable', 'elected']);
    expect(world.eventsOf('deposed')).toMatchObject([{ reason: 'unreachable' }]);
    await world.clock.until(election.stop());
  });

  it('ends with its signal, and when the manager is closed', async () => {
    const world = new VirtualWorld(3);
    const caller = new AbortController();
    const one = stand(world.manager(), { signal: caller.signal });
    await world.clock.advance(100);
    const others = world.manager();
    const two = stand(others);
    await world.clock.advance(100);
    caller.abort(new Error('enough'));
    await world.clock.until(one.election.ended);
    expect(one.told).toEqual(['elected', 'resigned']);
    await world.clock.advance(100);
    expect(two.election.isLeader).toBe(true);
    await world.clock.until(others.close());
    await world.clock.until(two.election.ended);
    expect(two.told).toEqual(['elected', 'closed']);
    expect(() => others.elect(R)).toThrow(LockManagerClosedError);
    const ended = world.manager().elect(R, { signal: AbortSignal.abort() });
    await world.clock.until(ended.ended);
    expect(await world.leftovers(R)).toEqual([]);
  });

  it('ends while it waits, when its manager is closed', async () => {
    const world = new VirtualWorld(3);
    const one = stand(world.manager());
    await world.clock.advance(100);
    const others = world.manager();
    const two = stand(others);
    await world.clock.advance(100);
    await world.clock.until(others.close());
    await world.clock.until(two.election.ended);
    expect(two.told).toEqual([]);
    await world.clock.until(one.election.stop());
  });

  it('hands over between two candidates of one process', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const [one, two] = [stand(locks), stand(locks)];
    await world.clock.advance(100);
    expect([one.election.isLeader, two.election.isLeader]).toEqual([true, false]);
    await world.clock.until(one.election.stop());
    await world.clock.advance(100);
    expect(two.election.isLeader).toBe(true);
    await world.clock.until(two.election[Symbol.asyncDispose]());
  });
});

describe('the work of a leader', () => {
  it('has ended before another process leads', async () => {
    const world = new VirtualWorld(3);
    const log: string[] = [];
    const one = stand(world.manager(), {
      onElected: async (lease) => {
        await new Promise((resolve) => lease.signal.addEventListener('abort', resolve));
        await pause(world, 3_000);
        log.push('work ended');
      },
      onLost: async () => {
        await pause(world, 1_000);
        log.push('onLost ended');
      },
    });
    await world.clock.advance(100);
    const two = stand(world.manager(), { onElected: () => log.push('next') });
    await world.clock.advance(100);
    const run = one.election.run(async () => {
      await pause(world, 5_000);
      log.push('run ended');
      return 7;
    });
    const stopped = one.election.stop();
    expect(one.election.isLeader).toBe(false);
    await world.clock.until(stopped);
    await world.clock.advance(100);
    expect(await run).toEqual({ ran: true, value: 7 });
    expect(log).toEqual(['onLost ended', 'work ended', 'run ended', 'next']);
    await world.clock.until(two.election.stop());
  });

  it('runs on the leader only, under its lease, and rejects if that was lost', async () => {
    const world = new VirtualWorld(3);
    const { election } = stand(world.manager());
    expect(await election.run(() => 'early')).toEqual({ ran: false, reason: 'not_leader' });
    await world.clock.advance(100);
    const token = election.lease!.token;
    expect(await election.run((lease) => lease.token)).toEqual({ ran: true, value: token });
    await expect(election.run(() => Promise.reject(new Error('of the work')))).rejects.toThrow('of the work');
    expect(election.isLeader).toBe(true);
    const run = election.run(() => pause(world, 2 * TTL_MS));
    const lost = expect(run).rejects.toThrow(LeaseLostError);
    for (const node of world.nodes) node.down();
    await world.clock.advance(2 * TTL_MS);
    await lost;
    expect(await election.run(() => 'late')).toEqual({ ran: false, reason: 'not_leader' });
    await world.clock.until(election.stop());
  });

  it.each(['onElected', 'run', 'onLost'])(
    'may stop its own candidacy, and wait for that: %s',
    async (where) => {
      const world = new VirtualWorld(3);
      let isOver = false;
      const stop = async (): Promise<void> => {
        await pause(world, 100);
        await election.stop();
        // It is not the end of the work: the lease is held until here.
        await pause(world, 100);
        isOver = true;
      };
      const { election } = stand(world.manager(), {
        onElected: where === 'onElected' ? stop : undefined,
        onLost: where === 'onLost' ? stop : undefined,
      });
      await world.clock.advance(50);
      if (where === 'run') void election.run(stop);
      if (where === 'onLost') await election.lease!.release();
      await world.clock.until(election.ended);
      expect(isOver).toBe(true);
      expect(await world.leftovers(R)).toEqual([]);
      expect(world.eventsOf('elected')).toHaveLength(1);
    },
  );

  it('is waited for by whoever stops it from outside', async () => {
    const world = new VirtualWorld(3);
    const { election: one } = stand(world.manager());
    await world.clock.advance(50);
    const two = world.manager().elect('others');
    await world.clock.advance(50);
    let isOver = false;
    const work = two.run(async () => {
      await pause(world, 100);
      isOver = true;
    });
    await world.clock.until(one.run(() => two.stop()));
    expect(isOver).toBe(true);
    await work;
    await world.clock.until(one.stop());
  });

  it('is not begun again before it has ended, although the lease was lost', async () => {
    const world = new VirtualWorld(3);
    let running = 0;
    const { election, told } = stand(world.manager(), {
      onElected: async () => {
        expect(++running).toBe(1);
        await pause(world, 5 * TTL_MS);
        running--;
      },
    });
    await world.clock.advance(100);
    for (const node of world.nodes) node.down();
    await world.clock.advance(TTL_MS);
    for (const node of world.nodes) node.up();
    await world.clock.advance(3 * TTL_MS);
    expect(told).toEqual(['elected', 'unreachable']);
    await world.clock.advance(2 * TTL_MS);
    expect(told).toEqual(['elected', 'unreachable', 'elected']);
    const stopped = election.stop();
    await world.clock.until(stopped);
  });

  it('that fails makes the leader resign, and lets the others go first', async () => {
    const world = new VirtualWorld(3);
    const one = stand(world.manager(), {
      onElected: async () => {
        await pause(world, 1_000);
        throw new Error('no disk');
      },
    });
    await world.clock.advance(100);
    const two = stand(world.manager());
    await world.clock.advance(1_000);
    expect(one.told).toEqual(['elected', 'failed']);
    expect(two.election.isLeader).toBe(true);
    expect(world.warnings).toEqual(['onElected of "reports" failed, so it resigns: no disk']);
    await world.clock.until(two.election.stop());
    await world.clock.advance(TTL_MS + 100);
    expect(one.told).toEqual(['elected', 'failed', 'elected']);
    await world.clock.until(one.election.stop());
  });

  it('resigns by releasing its lease', async () => {
    const world = new VirtualWorld(3);
    const one = stand(world.manager());
    await world.clock.advance(100);
    const two = stand(world.manager());
    await world.clock.advance(100);
    await one.election.lease!.release();
    await world.clock.advance(100);
    expect(one.told).toEqual(['elected', 'resigned']);
    expect(two.election.isLeader).toBe(true);
    await world.clock.until(Promise.all([one.election.stop(), two.election.stop()]));
  });

  it('survives an onLost that throws', async () => {
    const world = new VirtualWorld(3);
    const { election } = stand(world.manager(), {
      onLost: () => {
        throw new Error('oh');
      },
    });
    await world.clock.advance(100);
    await world.clock.until(election.stop());
    expect(world.warnings).toEqual(['onLost of "reports" failed: oh']);
    expect(await world.leftovers(R)).toEqual([]);
  });
});

describe('a listener that comes late', () => {
  it('is told who stands and who leads', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager({ holder: 'one' });
    const { election } = stand(locks, { name: 'the-reports' });
    await world.clock.advance(100);
    const heard: string[] = [];
    locks.subscribe((event) => {
      if (event.type === 'candidate' || event.type === 'elected') heard.push(`${event.type} ${event.name}`);
    });
    expect(heard).toEqual(['candidate the-reports', 'elected the-reports']);
    await world.clock.until(election.stop());
  });
});

describe('bad options of elect', () => {
  it.each<[object, string]>([
    [{ ttl: 5 }, 'elect: unknown option "ttl"'],
    [{ ttlMs: 5 }, 'ttlMs must be an integer from 10'],
    [{ onElected: 'yes' }, "onElected must be a function, got 'yes'"],
    [{ onLost: 7 }, 'onLost must be a function, got 7'],
    [{ signal: true }, 'signal must be an AbortSignal, got true'],
    [{ name: '' }, 'name must have 1 to 128 characters, got 0'],
  ])('%j', (options, message) => {
    const locks = new VirtualWorld(3).manager();
    expect(() => locks.elect(R, options)).toThrow(message);
    expect(() => locks.elect('', {})).toThrow('resource must have 1 to 512 bytes, got 0');
  });
});
