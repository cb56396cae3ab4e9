import { describe, expect, it } from '@jest/globals';
import { LeaseLostError, type Lease, type LeaseJson, type LockManager } from '../../src/index.js';
import { VirtualWorld } from '../support/virtual-world.js';

const R = 'import:7';

/** What another process gets: the lease went through a text. */
const sent = (lease: LeaseJson): LeaseJson => JSON.parse(JSON.stringify(lease)) as LeaseJson;

const LOST = { code: 'LEASE_LOST', reason: 'taken' };

describe('a lease that is transferred', () => {
  it('ends at once, and goes on in the process that adopts it, with a greater token', async () => {
    const world = new VirtualWorld(3);
    const [giver, taker] = [world.manager({ holder: 'a:1' }), world.manager({ holder: 'b:1' })];
    const lease = await world.clock.until(giver.acquire(R, { ttlMs: 9_000, name: 'import' }));
    const transferring = lease.transfer();
    expect(lease.remainingMs()).toBe(0);
    expect(lease.signal.reason).toMatchObject({ code: 'LEASE_LOST', reason: 'transferred' });
    const adopted = await world.clock.until(taker.adopt(sent(await world.clock.until(transferring))));
    expect(adopted).toMatchObject({ resources: [R], name: 'import', attempts: 1 });
    expect(adopted.token).toBeGreaterThan(lease.token);
    expect(new Set(await world.owners(R))).toEqual(new Set([adopted.holderId]));
    await world.clock.advance(30_000);
    adopted.assertHeld();
    await world.clock.until(adopted.release());
    expect(await world.leftovers(R)).toEqual([]);
  });

  it.each([
    ['succeeded', undefined, 0],
    ['failed', undefined, new Error('later')],
    ['timed_out', 50, 100],
  ] as const)('from a run by hand, that one is told as %s', async (outcome, timeoutMs, then) => {
    const world = new VirtualWorld(3);
    const { clock } = world;
    const running = world
      .manager()
      .runOnce({ key: R, tick: 'manual', timeoutMs }, async (_, lease) => {
        await lease.transfer();
        if (then instanceof Error) throw then;
        await new Promise<void>((resolve) => clock.setTimer(resolve, then));
      })
      .catch(() => undefined);
    await clock.until(running);
    expect(world.eventsOf('manual_run')).toMatchObject([{ outcome }]);
    expect(world.eventsOf('lost')).toEqual([]);
  });

  it('nobody else gets the resource in between', async () => {
    const world = new VirtualWorld(3);
    const lease = await world.clock.until(world.manager().acquire(R));
    const json = await world.clock.until(lease.transfer());
    await expect(world.clock.until(world.manager().tryAcquire(R))).resolves.toBeNull();
    const adopted = await world.clock.until(world.manager().adopt(json));
    await expect(world.clock.until(world.manager().tryAcquire(R))).resolves.toBeNull();
    adopted.assertHeld();
  });

  it('is adopted once: by one of two at the same time, and by nobody afterwards', async () => {
    const world = new VirtualWorld(5);
    const lease = await world.clock.until(world.manager().acquire(R));
    const json = await world.clock.until(lease.transfer());
    const calls = [world.manager(), world.manager()].map((locks) =>
      locks.adopt(json).then(
        (adopted) => adopted,
        (error: unknown) => error,
      ),
    );
    const results = await world.clock.until(Promise.all(calls));
    const won = results.filter((result) => !(result instanceof Error)) as Lease[];
    expect(won.length).toBeLessThanOrEqual(1);
    await expect(world.clock.until(world.manager().adopt(json))).rejects.toMatchObject({
      resources: [R],
    });
  });

  it('cannot be adopted again after the release: nobody runs twice', async () => {
    const world = new VirtualWorld(3);
    const lease = await world.clock.until(world.manager().acquire(R));
    const json = await world.clock.until(lease.transfer());
    const adopted = await world.clock.until(world.manager().adopt(json));
    await world.clock.until(adopted.release());
    await expect(world.clock.until(world.manager().adopt(json))).rejects.toMatchObject(LOST);
    expect(await world.leftovers(R)).toEqual([]);
  });

  it('names who has it to whoever comes too late', async () => {
    const world = new VirtualWorld(3);
    const lease = await world.clock.until(world.manager().acquire(R));
    const json = await world.clock.until(lease.transfer());
    await world.clock.until(world.manager({ holder: 'b:1' }).adopt(json));
    await expect(world.clock.until(world.manager().adopt(json))).rejects.toMatchObject({
      code: 'LOCK_NOT_ACQUIRED',
      reason: 'held',
      owner: 'b:1',
    });
  });

  it('expires where nobody adopts it', async () => {
    const world = new VirtualWorld(3);
    const lease = await world.clock.until(world.manager().acquire(R, { ttlMs: 3_000 }));
    const json = await world.clock.until(lease.transfer());
    await world.clock.advance(3_100);
    expect(await world.leftovers(R)).toEqual([]);
    await expect(world.clock.until(world.manager().adopt(json))).rejects.toMatchObject(LOST);
  });

  it('the giver sends nothing for it any more: an extension on its way is over before it resolves', async () => {
    const world = new VirtualWorld(3);
    const lease = await world.clock.until(world.manager().acquire(R, { ttlMs: 3_000 }));
    for (const node of world.nodes) node.behaviour = { requestMs: 120, replyMs: 60 };
    const extending = lease.extend().catch((error: unknown) => error);
    const beganAt = world.clock.now();
    await world.clock.until(lease.transfer());
    expect(world.clock.now() - beganAt).toBeGreaterThanOrEqual(180);
    const requests = world.nodes.map(({ log }) => log.length);
    await expect(world.clock.until(extending)).resolves.toMatchObject({ reason: 'transferred' });
    await world.clock.until(lease.release());
    await world.clock.advance(2_000);
    expect(world.nodes.map(({ log }) => log.length)).toEqual(requests);
  });

  it('does not wait longer than the node timeout for a node that hangs', async () => {
    const world = new VirtualWorld(3);
    const lease = await world.clock.until(world.manager().acquire(R, { ttlMs: 3_000, nodeTimeoutMs: 200 }));
    world.nodes[0]!.behaviour = { requestMs: 1, replyMs: 1, stopped: true };
    void lease.extend().catch(() => undefined);
    const beganAt = world.clock.now();
    const json = await world.clock.until(lease.transfer());
    expect(world.clock.now() - beganAt).toBeLessThanOrEqual(200);
    await world.clock.until(world.manager().adopt(json));
  });

  it('withLock resolves with what the routine gave, and releases nothing', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const json = await world.clock.until(locks.withLock(R, (lease) => lease.transfer()));
    expect(await world.leftovers(R)).toHaveLength(3);
    await world.clock.until(world.manager().adopt(json));
    expect(world.eventsOf('released')).toEqual([]);
  });

  it('tells what happened as events: the one gives it away, the other acquires it', async () => {
    const world = new VirtualWorld(3);
    const lease = await world.clock.until(world.manager().acquire(R, { name: 'import' }));
    await world.clock.advance(50);
    const json = await world.clock.until(lease.transfer());
    await world.clock.until(world.manager().adopt(json));
    await world.clock.until(
      world
        .manager()
        .adopt(json)
        .catch(() => undefined),
    );
    const about = { name: 'import', resources: [R] };
    expect(world.eventsOf('transferred')).toEqual([
      expect.objectContaining({ ...about, token: lease.token, heldMs: 50 }),
    ]);
    expect(world.eventsOf('acquired')).toHaveLength(2);
    expect(world.eventsOf('skipped')).toEqual([expect.objectContaining({ ...about, reason: 'held' })]);
  });

  it('a caller of the same process that waits for it gets it when the adopter releases it', async () => {
    const world = new VirtualWorld(3);
    const giver = world.manager();
    const lease = await world.clock.until(giver.acquire(R));
    const waiting = giver.acquire(R, { waitMs: 60_000 });
    await world.clock.advance(10);
    const json = await world.clock.until(lease.transfer());
    const adopted = await world.clock.until(world.manager().adopt(json));
    await world.clock.advance(1_000);
    adopted.assertHeld();
    await world.clock.until(adopted.release());
    expect((await world.clock.until(waiting)).token).toBeGreaterThan(adopted.token);
  });

  it.each([
    ['the lease is over', LeaseLostError, (lease: Lease) => lease.release()],
    ['it was transferred before', LeaseLostError, (lease: Lease) => lease.transfer()],
  ])('is refused where %s', async (_, kind, end) => {
    const world = new VirtualWorld(3);
    const lease = await world.clock.until(world.manager().acquire(R));
    await world.clock.until<unknown>(end(lease));
    await expect(lease.transfer()).rejects.toThrow(kind);
  });

  it.each([
    ['of a tick', 'the lease of a tick', (locks: LockManager) => locks.acquire(R, { tick: 1_000 })],
    [
      'of a leader',
      'the lease of a leader',
      async (locks: LockManager) =>
        new Promise<Lease>((resolve) => void locks.elect(R, { onElected: resolve })),
    ],
  ])('is refused for the lease %s, which goes on', async (_, message, leaseOf) => {
    const world = new VirtualWorld(3);
    const lease = await world.clock.until(leaseOf(world.manager()));
    await expect(lease.transfer()).rejects.toThrow(message);
    lease.assertHeld();
  });

  it('is refused for a lease of the fallback', async () => {
    const world = new VirtualWorld(3);
    for (const node of world.nodes) node.behaviour = { requestMs: 1, replyMs: 1, down: true };
    const lease = await world.clock.until(world.manager({ fallback: 'memory' }).acquire(R));
    await expect(lease.transfer()).rejects.toThrow('taken in the fallback');
    expect(lease.toJSON()).toMatchObject({ fallback: true, transferred: false });
  });
});

describe('a lease that is adopted while it is held elsewhere', () => {
  it('begins when it cannot be valid there any more, and is lost there', async () => {
    const world = new VirtualWorld(3);
    const lease = await world.clock.until(world.manager().acquire(R, { ttlMs: 9_000 }));
    const json = sent(lease.toJSON());
    expect(json.transferred).toBe(false);
    await world.clock.advance(1_000);
    const validUntil = world.clock.now() + lease.remainingMs();
    const adopted = await world.clock.until(world.manager().adopt(json, { ttlMs: 1_000 }));
    expect(world.clock.now()).toBeGreaterThanOrEqual(validUntil);
    expect(lease.signal.reason).toMatchObject({ reason: 'taken' });
    adopted.assertHeld();
    expect(adopted.token).toBeGreaterThan(lease.token);
  });

  it('is lost to nobody else where the adoption fails half-way', async () => {
    const world = new VirtualWorld(3);
    const lease = await world.clock.until(
      world.manager().acquire(R, { ttlMs: 3_000, autoExtend: false, nodeTimeoutMs: 100 }),
    );
    const json = lease.toJSON();
    const [first, ...others] = world.nodes;
    for (const node of others) node.behaviour = { requestMs: 1, replyMs: 1, down: true };
    await expect(
      world.clock.until(world.manager().adopt(json, { nodeTimeoutMs: 100 })),
    ).rejects.toMatchObject({ code: 'QUORUM_UNREACHABLE' });
    for (const node of others) node.behaviour = { requestMs: 1, replyMs: 1 };
    others[0]!.behaviour = { requestMs: 1, replyMs: 1, down: true };
    // The key that it took stays: the first node and the last one would be a majority for somebody else.
    expect(await first!.owner(R)).toBeDefined();
    await expect(world.clock.until(world.manager().tryAcquire(R))).resolves.toBeNull();
    lease.assertHeld();
    await world.clock.advance(7_000);
    expect(await world.leftovers(R)).toEqual([]);
  });

  it('fails as taken, and not for want of nodes, where it is taken by force meanwhile', async () => {
    const world = new VirtualWorld(3);
    const lease = await world.clock.until(world.manager().acquire(R, { ttlMs: 3_000 }));
    const adopting = expect(world.manager().adopt(lease.toJSON())).rejects.toMatchObject(LOST);
    await world.clock.advance(100);
    await world.clock.until(world.manager().forceRelease(R, { reason: 'test' }));
    await world.clock.advance(4_000);
    await adopting;
  });

  it('names who acquired it after it was taken by force meanwhile', async () => {
    const world = new VirtualWorld(3);
    const lease = await world.clock.until(world.manager().acquire(R, { ttlMs: 3_000 }));
    const adopting = expect(world.manager().adopt(lease.toJSON())).rejects.toMatchObject({
      code: 'LOCK_NOT_ACQUIRED',
      owner: 'c:1',
    });
    await world.clock.advance(100);
    const operator = world.manager({ holder: 'c:1' });
    await world.clock.until(operator.forceRelease(R, { reason: 'test' }));
    const next = await world.clock.until(operator.acquire(R));
    await world.clock.advance(4_000);
    await adopting;
    next.assertHeld();
  });

  it('a call that is cancelled while it waits gives nothing, and what it took expires', async () => {
    const world = new VirtualWorld(3);
    const lease = await world.clock.until(world.manager().acquire(R, { ttlMs: 9_000 }));
    const caller = new AbortController();
    const adopting = world.manager().adopt(lease.toJSON(), { signal: caller.signal });
    const outcome = expect(adopting).rejects.toThrow('no longer needed');
    await world.clock.advance(500);
    caller.abort(new Error('no longer needed'));
    await outcome;
    await world.clock.advance(18_000);
    expect(lease.remainingMs()).toBe(0);
    expect(await world.leftovers(R)).toEqual([]);
  });

  it('fails, with the lease going on, where the holder elsewhere has released it', async () => {
    const world = new VirtualWorld(3);
    const lease = await world.clock.until(world.manager().acquire(R));
    const json = lease.toJSON();
    await world.clock.until(lease.release());
    await expect(world.clock.until(world.manager().adopt(json))).rejects.toMatchObject(LOST);
  });
});

describe('a lease in plain data', () => {
  it('does not stand for the lease of another caller that follows on the same keys', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const first = await world.clock.until(locks.acquire(R));
    const waiting = locks.acquire(R, { waitMs: 60_000 });
    await world.clock.advance(10);
    const json = first.toJSON();
    await world.clock.until(first.release());
    const second = await world.clock.until(waiting);
    await expect(world.clock.until(world.manager().adopt(json))).rejects.toMatchObject({ reason: 'held' });
    second.assertHeld();
  });

  it('is what JSON.stringify gives, and makes no difference to the lease', async () => {
    const world = new VirtualWorld(3);
    const lease = await world.clock.until(world.manager().acquire(R, { name: 'import', ttlMs: 9_000 }));
    expect(JSON.parse(JSON.stringify({ lease }))).toEqual({
      lease: {
        quorlock: 1,
        keyPrefix: 'lock:',
        resources: [R],
        name: 'import',
        holderId: lease.holderId,
        token: lease.token,
        ttlMs: 9_000,
        transferred: false,
      },
    });
    await world.clock.advance(20_000);
    lease.assertHeld();
  });
});

describe('what adopt is given', () => {
  const JSON_OF_LEASE: LeaseJson = {
    quorlock: 1,
    keyPrefix: 'lock:',
    resources: [R],
    name: 'import',
    holderId: `${'0f'.repeat(16)}@web-1:4711`,
    token: 1_791_812_345_678_001,
    ttlMs: 30_000,
    transferred: true,
  };

  it.each<readonly [string, unknown, string]>([
    ['a text', JSON.stringify(JSON_OF_LEASE), 'parse the text first'],
    ['nothing', undefined, 'a lease in plain data'],
    ['a list', [JSON_OF_LEASE], 'a lease in plain data'],
    ['a field that no lease has', { ...JSON_OF_LEASE, owner: 'x' }, 'no field "owner"'],
    ['another format', { ...JSON_OF_LEASE, quorlock: 2 }, 'the format 1, got 2'],
    ['other keys', { ...JSON_OF_LEASE, keyPrefix: 'other:' }, "keyPrefix 'other:', this manager has 'lock:'"],
    ['no resources', { ...JSON_OF_LEASE, resources: [] }, 'resources must be 1 to 64'],
    ['resources as a text', { ...JSON_OF_LEASE, resources: R }, 'resources must be a list'],
    ['a bad name', { ...JSON_OF_LEASE, name: '' }, 'name must have 1 to 128 characters'],
    ['no holder id', { ...JSON_OF_LEASE, holderId: undefined }, 'holderId must be the text'],
    ['a holder id with a space', { ...JSON_OF_LEASE, holderId: 'a b' }, 'holderId must be the text'],
    ['a bad token', { ...JSON_OF_LEASE, token: 0.5 }, 'token must be an integer'],
    ['a bad TTL', { ...JSON_OF_LEASE, ttlMs: '30s' }, 'ttlMs must be a number'],
    ['an unclear end', { ...JSON_OF_LEASE, transferred: 'yes' }, 'transferred must be true or false'],
    ['the lease of a tick', { ...JSON_OF_LEASE, tick: 1_000 }, 'the lease of a tick'],
    ['a lease of the fallback', { ...JSON_OF_LEASE, fallback: true }, 'taken in the fallback'],
  ])('%s is refused, and the message shows no holder id', async (_, given, message) => {
    const world = new VirtualWorld(3);
    const error = await world
      .manager()
      .adopt(given as LeaseJson)
      .catch((thrown: unknown) => thrown as Error);
    expect((error as Error).message).toContain(message);
    expect((error as Error).message).not.toContain('0f0f');
    expect(world.eventsOf('acquiring')).toEqual([]);
  });

  it.each<readonly [string, object, string]>([
    ['an option that adopt does not have', { waitMs: 100 }, 'adopt: unknown option "waitMs"'],
    ['a bad TTL', { ttlMs: 1 }, 'ttlMs must be an integer'],
  ])('%s is refused', async (_, options, message) => {
    const world = new VirtualWorld(3);
    await expect(world.manager().adopt(JSON_OF_LEASE, options)).rejects.toThrow(message);
  });

  it('a lease that no node knows is over', async () => {
    const world = new VirtualWorld(3);
    await expect(world.clock.until(world.manager().adopt(JSON_OF_LEASE))).rejects.toMatchObject(LOST);
    expect(await world.leftovers(R)).toEqual([]);
  });

  it('nothing is adopted by a manager that is drained', async () => {
    const world = new VirtualWorld(3);
    const lease = await world.clock.until(world.manager().acquire(R));
    const json = await world.clock.until(lease.transfer());
    const taker = world.manager();
    taker.drain();
    await expect(taker.adopt(json)).rejects.toMatchObject({ code: 'LOCK_MANAGER_CLOSED' });
    await world.clock.until(world.manager().adopt(json));
  });

  it('without a majority of the nodes the call fails, and may be repeated', async () => {
    const world = new VirtualWorld(3);
    const lease = await world.clock.until(world.manager().acquire(R));
    const json = await world.clock.until(lease.transfer());
    for (const node of world.nodes) node.behaviour = { requestMs: 1, replyMs: 1, down: true };
    const taker = world.manager();
    await expect(world.clock.until(taker.adopt(json))).rejects.toMatchObject({ code: 'QUORUM_UNREACHABLE' });
    for (const node of world.nodes) node.behaviour = { requestMs: 1, replyMs: 1 };
    await world.clock.until(taker.adopt(json));
  });
});
