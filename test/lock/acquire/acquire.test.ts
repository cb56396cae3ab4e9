import { describe, expect, it, jest } from '@jest/globals';
import {
  LockNotAcquiredError,
  LockManagerClosedError,
  QuorumUnreachableError,
  type LockManager,
} from '../../../src/index.js';
import { VirtualWorld } from '../../support/virtual-world.js';

const R = 'invoice:7';

describe('acquire', () => {
  it('acquires in one round trip, and remainingMs is the validity that the round left', async () => {
    const world = new VirtualWorld(5);
    const lease = await world.clock.until(world.manager().acquire(R, { ttlMs: 10_000 }));
    expect(world.nodes[0]!.log.map(({ op }) => op)).toEqual(['acquire']);
    expect(lease.remainingMs()).toBe(10_000 - 2 - 102);
    expect(lease.token).toBeGreaterThan(0);
    expect(lease.signal.aborted).toBe(false);
  });

  it('acquire rejects as held, with the name of the holder and the time that is left; tryAcquire gives null', async () => {
    const world = new VirtualWorld(3);
    await world.clock.until(world.manager({ holder: 'worker-a' }).acquire(R, { ttlMs: 9_000 }));
    const other = world.manager({ holder: 'worker-b' });
    const error = await world.clock.until(other.acquire(R).catch((thrown: unknown) => thrown));
    expect(error).toBeInstanceOf(LockNotAcquiredError);
    expect(error).toMatchObject({ code: 'LOCK_NOT_ACQUIRED', reason: 'held', owner: 'worker-a' });
    expect((error as LockNotAcquiredError).retryAfterMs).toBeGreaterThan(8_900);
    expect(await world.clock.until(other.tryAcquire(R))).toBeNull();
    expect(world.eventsOf('skipped').map(({ reason }) => reason)).toEqual(['held', 'held']);
  });

  it('successive holders get growing tokens, whatever majority they get', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const tokens: number[] = [];
    for (const away of [0, 1, 2, 0, 1, 2]) {
      world.nodes.forEach((node, index) => (index === away ? node.down() : node.up()));
      const lease = await world.clock.until(locks.acquire(R));
      tokens.push(lease.token);
      await world.clock.until(lease.release());
    }
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
  });

  it('where the counters differ, acquire confirms the token on a majority before it resolves', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    world.nodes[2]!.down();
    await world.clock.until((await world.clock.until(locks.acquire(R))).release());
    world.nodes[2]!.up();
    world.nodes[0]!.down();
    await world.clock.until(locks.acquire(R));
    expect(world.nodes[1]!.log.map(({ op }) => op)).toEqual(['acquire', 'release', 'acquire', 'confirm']);
    expect(world.nodes[2]!.log.map(({ op }) => op)).toEqual(['acquire', 'confirm']);
  });

  it('acquire does not wait for a stopped minority', async () => {
    const world = new VirtualWorld(5);
    world.nodes[1]!.stop();
    world.nodes[3]!.stop();
    const before = world.clock.now();
    const lease = await world.clock.until(world.manager().acquire(R));
    await world.clock.until(lease.release());
    expect(world.clock.now() - before).toBe(4);
  });

  it('acquire waits for a hung node once, and not in the next rounds until it has answered', async () => {
    const world = new VirtualWorld(3);
    const [one, other] = [world.manager(), world.manager()];
    const lease = await world.clock.until(one.acquire('first'));
    world.nodes[2]!.stop();
    // The first node has lost the key, so that the second look has only the hung node to wait for.
    world.nodes[0]!.loseData();
    const lookAt = async (): Promise<number> => {
      const before = world.clock.now();
      await world.clock.until(other.tryAcquire('first').catch(() => null));
      return world.clock.now() - before;
    };
    expect(await lookAt()).toBeGreaterThanOrEqual(250);
    expect(await lookAt()).toBeLessThan(250);
    world.nodes[2]!.resume();
    await world.clock.advance(100);
    expect(lease.signal.aborted).toBe(false);
  });

  it('acquire rejects as unreachable after the node timeout if a majority is stopped, and leaves no key', async () => {
    const world = new VirtualWorld(5);
    for (const node of world.nodes.slice(0, 3)) node.stop();
    const before = world.clock.now();
    const locks = world.manager();
    const error = await world.clock.until(
      locks.acquire(R, { nodeTimeoutMs: 200 }).catch((thrown: unknown) => thrown),
    );
    expect(error).toBeInstanceOf(QuorumUnreachableError);
    expect(world.clock.now() - before).toBe(200);
    expect((error as QuorumUnreachableError).votes.map(({ vote }) => vote?.kind)).toEqual([
      'failed',
      'failed',
      'failed',
      'granted',
      'granted',
    ]);
    for (const node of world.nodes) node.resume();
    await world.clock.advance(1_000);
    expect(await world.leftovers(R)).toEqual([]);
    expect(world.eventsOf('failed')).toMatchObject([{ reason: 'unreachable' }]);
    expect(world.eventsOf('skipped')).toEqual([]);
  });

  it('acquire rejects as held, not as unreachable, if a minority is down and the others refuse', async () => {
    const world = new VirtualWorld(5);
    await world.clock.until(world.manager().acquire(R));
    world.nodes[0]!.down();
    world.nodes[1]!.down();
    const error = await world.clock.until(
      world
        .manager()
        .acquire(R)
        .catch((thrown: unknown) => thrown),
    );
    expect(error).toMatchObject({ reason: 'held' });
  });

  it('acquire rejects as held if the holder may have its majority with a node that is down', async () => {
    const world = new VirtualWorld(3);
    world.nodes[2]!.down();
    await world.clock.until(world.manager({ holder: 'a' }).acquire(R, { autoExtend: false, ttlMs: 60_000 }));
    world.nodes[2]!.up();
    world.nodes[0]!.down();
    const error = await world.clock.until(
      world
        .manager()
        .acquire(R)
        .catch((thrown: unknown) => thrown),
    );
    expect(error).toMatchObject({ reason: 'held', owner: 'a' });
  });

  it('acquire never gives a lease whose validity ran out while the nodes answered', async () => {
    const world = new VirtualWorld(3);
    for (const node of world.nodes) node.behaviour = { requestMs: 0, replyMs: 96 };
    const locks = world.manager();
    const error = await world.clock.until(
      locks.acquire(R, { ttlMs: 300, nodeTimeoutMs: 100 }).then(
        (lease) => lease.remainingMs(),
        (thrown: unknown) => thrown,
      ),
    );
    expect(error).toBeGreaterThan(0);
    for (const node of world.nodes) node.loseData();
    // The counters differ, so that the confirmation takes the rest: 96 ms for each round.
    world.nodes.forEach((node, index) => (index === 2 ? node.down() : undefined));
    const lease = await world.clock.until(locks.acquire('other', { ttlMs: 300, nodeTimeoutMs: 100 }));
    await world.clock.until(lease.release());
    world.nodes[2]!.up();
    world.nodes[0]!.down();
    const held = await world.clock.until(
      locks.acquire('other', { ttlMs: 300, nodeTimeoutMs: 100 }).then((won) => won.remainingMs()),
    );
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThan(300 - 4 * 96 + 200);
  });

  it('acquire says that the nodes were too slow if no validity is left', async () => {
    const world = new VirtualWorld(1);
    world.nodes[0]!.behaviour = { requestMs: 0, replyMs: 2.8 };
    const locks = world.manager({ driftFactor: 0.5 });
    const error = await world.clock.until(
      locks.acquire(R, { ttlMs: 10, nodeTimeoutMs: 3 }).catch((thrown: unknown) => thrown),
    );
    expect(error).toBeInstanceOf(QuorumUnreachableError);
    expect(String(error)).toContain('took so long');
    await world.clock.advance(100);
    expect(await world.leftovers(R)).toEqual([]);
  });

  it('a key on a node whose reply was lost is released', async () => {
    const world = new VirtualWorld(3);
    world.nodes[0]!.behaviour = { requestMs: 1, replyMs: 1, loseReplyAfterMs: 1 };
    world.nodes[1]!.down();
    const locks = world.manager();
    const error = await world.clock.until(
      locks.acquire(R, { ttlMs: 30_000 }).catch((thrown: unknown) => thrown),
    );
    expect(error).toBeInstanceOf(QuorumUnreachableError);
    world.nodes[0]!.behaviour = { requestMs: 1, replyMs: 1 };
    await world.clock.advance(600);
    expect(await world.leftovers(R)).toEqual([]);
  });

  it('a grant that a stopped node makes late is released', async () => {
    const world = new VirtualWorld(3);
    // The request is carried out, and the answer comes 10 s later.
    world.nodes[0]!.behaviour = { requestMs: 1, replyMs: 10_000 };
    world.nodes[1]!.down();
    await world.clock.until(
      world
        .manager()
        .acquire(R)
        .catch(() => undefined),
    );
    await world.clock.advance(300);
    expect(await world.leftovers(R)).toEqual([]);
  });

  it('every attempt uses a new holder id, and the lost round is undone before it', async () => {
    const world = new VirtualWorld(3);
    world.nodes[0]!.down();
    world.nodes[1]!.down();
    const acquiring = world.manager().acquire(R, { retries: 3, retryDelayMs: 50 });
    await world.clock.advance(60);
    world.nodes[0]!.up();
    const lease = await world.clock.until(acquiring);
    expect(lease.attempts).toBeGreaterThan(1);
    const { log } = world.nodes[2]!;
    expect(log.map(({ op, vote }) => `${op} ${vote.kind}`)).toEqual([
      'acquire granted',
      'release granted',
      'acquire granted',
      'release granted',
      'acquire granted',
      'confirm granted',
    ]);
    const ids = log.filter(({ op }) => op === 'acquire').map(({ holderId }) => holderId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}@/);
  });

  it('one of two claimants wins on four nodes, and the manager warns of the even number', async () => {
    const world = new VirtualWorld(4);
    const [a, b] = [world.manager(), world.manager()];
    world.nodes[0]!.behaviour = world.nodes[1]!.behaviour = { requestMs: 1, replyMs: 1 };
    const both = await world.clock.until(Promise.all([a, b].map((locks) => locks.tryAcquire(R))));
    expect(both.filter((lease) => lease !== null)).toHaveLength(1);
    expect(world.warnings.filter((warning) => warning.includes('even number'))).toHaveLength(2);
  });

  it('a call with waitMs waits for a held lock, and gets it when it is released', async () => {
    const world = new VirtualWorld(3);
    const held = await world.clock.until(world.manager().acquire(R));
    const waiting = world.manager().acquire(R, { waitMs: 5_000, retryDelayMs: 100 });
    await world.clock.advance(1_000);
    await world.clock.until(held.release());
    const lease = await world.clock.until(waiting, 1_000);
    expect(lease.token).toBeGreaterThan(held.token);
    await expect(
      world.clock.until(world.manager().acquire(R, { waitMs: 1_000 }), 1_500),
    ).rejects.toMatchObject({ reason: 'held' });
  });

  it('acquire makes as many attempts as retries allows', async () => {
    const world = new VirtualWorld(3);
    await world.clock.until(world.manager().acquire(R));
    const before = world.nodes[0]!.log.length;
    await world.clock.until(world.manager().tryAcquire(R, { retries: 3 }));
    expect(world.nodes[0]!.log.length - before).toBe(4);
  });

  it('acquire asks each node once if no majority answers and retries is 0', async () => {
    const world = new VirtualWorld(3);
    for (const node of world.nodes) node.down();
    await world.clock.until(
      world
        .manager()
        .acquire(R)
        .catch(() => undefined),
      100,
    );
    expect(world.eventsOf('vote').filter(({ op }) => op === 'acquire')).toHaveLength(3);
  });

  it('acquire rejects with the reason of its signal, and what the attempt wins afterwards is released', async () => {
    const world = new VirtualWorld(3);
    const reason = new Error('no longer needed');
    const abort = new AbortController();
    const acquiring = world.manager().acquire(R, { signal: abort.signal });
    acquiring.catch(() => undefined);
    abort.abort(reason);
    await expect(acquiring).rejects.toBe(reason);
    await world.clock.advance(100);
    expect(await world.leftovers(R)).toEqual([]);
    await expect(world.manager().acquire(R, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(world.eventsOf('aborted')).toHaveLength(2);
  });

  it('a call whose signal has aborted before asks no node, and listens for no release', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    await world.clock.until(locks.acquire(R));
    const asked = world.nodes.map(({ log }) => log.length);
    const listened = world.nodes.map((node) => jest.spyOn(node, 'onRelease'));
    const reason = new Error('no longer needed');
    const waiting = locks.acquire(R, { wait: true, signal: AbortSignal.abort(reason) });
    await expect(waiting).rejects.toBe(reason);
    await world.clock.advance(100);
    expect(world.nodes.map(({ log }) => log.length)).toEqual(asked);
    for (const spy of listened) expect(spy).not.toHaveBeenCalled();
    expect(world.eventsOf('aborted')).toHaveLength(1);
    expect(world.eventsOf('waiting')).toEqual([]);
  });

  it.each([
    ['an aborted attempt is not confirmed, and is released at once', undefined, 0],
    ['an aborted attempt for a tick is confirmed, because the tick may be on record', 1, 1],
  ])('%s', async (_, tick, confirmations) => {
    const world = new VirtualWorld(3);
    const [, second, third] = world.nodes;
    // Two nodes have counted one more. So the deciding nodes, the first and the third, differ.
    third!.down();
    const before = await world.clock.until(world.manager().acquire(R));
    await world.clock.until(before.release());
    third!.up();
    second!.behaviour = { requestMs: 20, replyMs: 20 };
    const abort = new AbortController();
    const options = { signal: abort.signal, ...(tick === undefined ? {} : { tick }) };
    const acquiring = world.manager().acquire(R, options);
    acquiring.catch(() => undefined);
    await world.clock.advance(1);
    abort.abort(new Error('no longer needed'));
    await world.clock.advance(200);
    expect(third!.log.filter(({ op }) => op === 'confirm')).toHaveLength(confirmations);
    expect(await world.leftovers(R)).toEqual([]);
  });

  it('an aborted attempt is not confirmed a second time', async () => {
    const world = new VirtualWorld(3);
    const [first, second, third] = world.nodes;
    third!.down();
    const before = await world.clock.until(world.manager().acquire(R));
    await world.clock.until(before.release());
    third!.up();
    second!.behaviour = { requestMs: 20, replyMs: 20 };
    const abort = new AbortController();
    const acquiring = world.manager().acquire(R, { signal: abort.signal });
    acquiring.catch(() => undefined);
    // The answers to all later requests are lost.
    await world.clock.advance(1);
    second!.down();
    third!.behaviour = { requestMs: 1, replyMs: 1, loseReplyAfterMs: 1 };
    await world.clock.advance(5);
    abort.abort(new Error('no longer needed'));
    await world.clock.advance(2_000);
    expect(first!.log.filter(({ op }) => op === 'confirm')).toHaveLength(1);
  });

  it('several resources are acquired all or nothing, with one token above the token of each', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const single = await world.clock.until(locks.acquire('b'));
    expect(await world.clock.until(locks.tryAcquire(['a', 'b']))).toBeNull();
    expect(await world.leftovers('a')).toEqual([]);
    await world.clock.until(single.release());
    const both = await world.clock.until(locks.acquire(['b', 'a']));
    expect(both.resources).toEqual(['a', 'b']);
    expect(both.token).toBeGreaterThan(single.token);
    await world.clock.until(both.release());
    for (const resource of ['a', 'b']) {
      const next = await world.clock.until(locks.acquire(resource));
      expect(next.token).toBeGreaterThan(both.token);
    }
  });

  it('with fencing off, the token of a lease throws', async () => {
    const world = new VirtualWorld(3);
    const lease = await world.clock.until(world.manager({ fencing: false }).acquire(R));
    expect(() => lease.token).toThrow('the option fencing is off');
    await expect(world.manager({ fencing: false }).acquire(R, { tick: 1 })).rejects.toThrow('fencing');
  });
});

describe('a tick', () => {
  const tick = 1_700_000_000_000;
  const runOnce = async (world: VirtualWorld, locks: LockManager, at = tick): Promise<string> => {
    const outcome = await world.clock.until(
      locks.acquire('cron', { tick: at }).catch((error: unknown) => (error as LockNotAcquiredError).reason),
    );
    if (typeof outcome === 'string') return outcome;
    await world.clock.until(outcome.release());
    return 'ran';
  };

  it('a tick runs once, however short the run is and however late the second worker comes', async () => {
    const world = new VirtualWorld(3);
    expect(await runOnce(world, world.manager())).toBe('ran');
    await world.clock.advance(5_000);
    expect(await runOnce(world, world.manager())).toBe('already_ran');
    expect(await runOnce(world, world.manager(), tick - 1_000)).toBe('already_ran');
    expect(await runOnce(world, world.manager(), tick + 1_000)).toBe('ran');
  });

  it('a tick runs once although another majority answers the second worker', async () => {
    const world = new VirtualWorld(5);
    world.nodes[0]!.down();
    world.nodes[1]!.down();
    expect(await runOnce(world, world.manager())).toBe('ran');
    world.nodes[0]!.up();
    world.nodes[1]!.up();
    world.nodes[3]!.down();
    world.nodes[4]!.down();
    expect(await runOnce(world, world.manager())).toBe('already_ran');
  });

  it('a tick is not lost if a node dies between the two phases and the others granted a higher counter', async () => {
    const world = new VirtualWorld(5);
    // The last two nodes have higher counters than the first three, as after rounds that others lost.
    for (const node of world.nodes.slice(3)) {
      const other = { resources: ['cron'], holderId: 'x', ttlMs: 1, deadlineAt: Infinity };
      void node.vote({ op: 'acquire', tokens: 1, ...other, seed: 9e15, tick: undefined });
      node.behaviour = { requestMs: 2, replyMs: 2 };
    }
    await world.clock.advance(10);
    const acquiring = world.manager().acquire('cron', { tick });
    await world.clock.advance(1.5);
    world.nodes[0]!.down();
    const lease = await world.clock.until(acquiring);
    expect(
      world.nodes[3]!.log.filter(({ op, vote }) => op === 'confirm' && vote.kind === 'granted'),
    ).toHaveLength(1);
    await world.clock.until(lease.release());
  });

  it('a tick is not lost if the answers to its confirmation are lost once', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const acquiring = locks.acquire('cron', { tick });
    await world.clock.advance(1);
    for (const node of world.nodes) node.behaviour = { requestMs: 1, replyMs: 1, loseReplyAfterMs: 1 };
    await world.clock.advance(2);
    for (const node of world.nodes) node.behaviour = { requestMs: 1, replyMs: 1 };
    const lease = await world.clock.until(acquiring);
    expect(world.nodes[0]!.log.filter(({ op }) => op === 'confirm').length).toBeGreaterThan(1);
    await world.clock.until(lease.release());
  });
});

describe('a split vote', () => {
  it.each([
    [3, 3],
    [3, 6],
    [5, 3],
    [5, 10],
    [4, 4],
  ])(
    'a split vote on %i nodes among %i workers ends inside the attempt: one wins, the others get held',
    async (nodes, workers) => {
      for (let seed = 1; seed <= 20; seed++) {
        const random = lehmer(seed * 7919);
        const world = new VirtualWorld(nodes);
        const outcomes = await world.clock.until(
          Promise.all(
            Array.from({ length: workers }, async () => {
              const locks = world.manager({}, random);
              await new Promise<void>((resolve) => void world.clock.setTimer(resolve, random() * 5));
              for (const node of world.nodes)
                node.behaviour = { requestMs: random() * 4, replyMs: random() * 4 };
              return locks.acquire(R, { ttlMs: 30_000 }).then(
                () => 'won',
                (error: LockNotAcquiredError) => error.reason,
              );
            }),
          ),
        );
        expect({ seed, outcomes: outcomes.sort() }).toEqual({
          seed,
          outcomes: [...Array.from({ length: workers - 1 }, () => 'held'), 'won'],
        });
      }
    },
  );

  it('a key that a dead claimant left on one node stops nobody', async () => {
    const world = new VirtualWorld(3);
    world.nodes[1]!.down();
    world.nodes[2]!.down();
    const dead = { resources: [R], holderId: 'dead', ttlMs: 30_000, deadlineAt: Infinity };
    void world.nodes[0]!.vote({ op: 'acquire', tokens: 1, ...dead, seed: 1, tick: undefined });
    await world.clock.advance(10);
    world.nodes[1]!.up();
    world.nodes[2]!.up();
    const random = lehmer(42);
    const outcomes = await world.clock.until(
      Promise.all([1, 2, 3].map(() => world.manager({}, random).tryAcquire(R))),
    );
    expect(outcomes.filter((lease) => lease !== null)).toHaveLength(1);
  });
});

describe('close', () => {
  it('later calls and calls that wait are rejected, and skipped as draining', async () => {
    const world = new VirtualWorld(3);
    await world.clock.until(world.manager().acquire(R));
    const locks = world.manager();
    const waiting = locks.acquire(R, { waitMs: 60_000 });
    waiting.catch(() => undefined);
    await world.clock.advance(500);
    locks.drain();
    await expect(waiting).rejects.toBeInstanceOf(LockManagerClosedError);
    await expect(locks.acquire('other')).rejects.toMatchObject({ code: 'LOCK_MANAGER_CLOSED' });
    expect(world.eventsOf('skipped').map(({ reason }) => reason)).toEqual(['draining', 'draining']);
  });

  it('close waits up to drainMs, then ends the leases that are held and releases their keys', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const [quick, slow] = await world.clock.until(
      Promise.all([locks.acquire('quick'), locks.acquire('slow')]),
    );
    const closing = locks.close({ drainMs: 5_000 });
    await world.clock.advance(1_000);
    await world.clock.until(quick.release());
    expect(slow.signal.aborted).toBe(false);
    await world.clock.until(closing, 5_000);
    expect(slow.signal.reason).toMatchObject({ code: 'LEASE_LOST', reason: 'closed' });
    expect(await world.leftovers('slow')).toEqual([]);
    expect(world.nodes[0]!.state.status).toBe('closed');
    expect(world.clock.timers).toBe(0);
  });

  it('close ends as soon as the last lease is released', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const lease = await world.clock.until(locks.acquire(R));
    const closing = locks.close({ drainMs: 60_000 });
    await world.clock.advance(100);
    await world.clock.until(lease.release());
    await world.clock.until(closing, 300);
  });
});

/** A small repeatable generator of numbers from 0 to 1. */
function lehmer(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}
