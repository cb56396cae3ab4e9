import { describe, expect, it } from '@jest/globals';
import { LeaseLostError, QuorumUnreachableError } from '../../src/index.js';
import { VirtualWorld } from '../support/virtual-world.js';

const R = 'invoice:7';
const REASON = { reason: 'the worker hangs' };

describe('forceRelease', () => {
  it('takes a resource from its holder, who learns it at its next extension', async () => {
    const world = new VirtualWorld(3);
    const [holder, operator] = [world.manager({ holder: 'a:1' }), world.manager({ holder: 'b:1' })];
    const lease = await world.clock.until(holder.acquire(R, { ttlMs: 9_000 }));
    expect(await world.clock.until(operator.forceRelease(R, REASON))).toBe('a:1');
    const next = await world.clock.until(world.manager().acquire(R));
    expect(next.token).toBeGreaterThan(lease.token);
    await world.clock.advance(4_000);
    expect(lease.signal.aborted).toBe(true);
    expect(lease.signal.reason).toBeInstanceOf(LeaseLostError);
    expect(world.eventsOf('lost')).toEqual([expect.objectContaining({ reason: 'taken' })]);
    next.assertHeld();
  });

  it('tells who took what from whom, and why', async () => {
    const world = new VirtualWorld(3);
    const operator = world.manager({ holder: 'b:1' });
    await world.clock.until(world.manager({ holder: 'a:1' }).acquire(R));
    await world.clock.until(operator.forceRelease(R, REASON));
    expect(world.eventsOf('force_released')).toEqual([
      {
        type: 'force_released',
        name: 'force-release',
        resources: [R],
        holder: 'a:1',
        reason: 'the worker hangs',
        worker: 'b:1',
      },
    ]);
  });

  it('nobody holds it afterwards, though the holder extends at the same time', async () => {
    const world = new VirtualWorld(5);
    const lease = await world.clock.until(world.manager().acquire(R, { ttlMs: 9_000 }));
    const operator = world.manager();
    await Promise.all([
      world.clock.until(operator.forceRelease(R, REASON)),
      lease.extend().catch(() => undefined),
    ]);
    await world.clock.advance(9_000);
    expect(await world.leftovers(R)).toEqual([]);
    expect(lease.remainingMs()).toBe(0);
  });

  it('a call that waits for the resource gets it', async () => {
    const world = new VirtualWorld(3);
    const holder = world.manager();
    const lease = await world.clock.until(holder.acquire(R));
    const waiting = world.manager().acquire(R, { waitMs: 60_000 });
    await world.clock.advance(1_000);
    await world.clock.until(world.manager().forceRelease(R, REASON));
    const next = await world.clock.until(waiting);
    expect(next.token).toBeGreaterThan(lease.token);
  });

  it('leaves nothing behind, whatever the defaults of the manager are', async () => {
    const world = new VirtualWorld(3);
    await world.clock.until(world.manager().acquire(R));
    const operator = world.manager({ minHoldMs: 20_000, retries: 3 });
    await world.clock.until(operator.forceRelease(R, REASON));
    await world.clock.advance(100);
    expect(await world.leftovers(R)).toEqual([]);
  });

  it('a manager that is drained takes nothing', async () => {
    const world = new VirtualWorld(3);
    const lease = await world.clock.until(world.manager().acquire(R));
    const operator = world.manager();
    operator.drain();
    await expect(operator.forceRelease(R, REASON)).rejects.toMatchObject({ code: 'LOCK_MANAGER_CLOSED' });
    await world.clock.advance(100);
    expect(await world.leftovers(R)).toHaveLength(3);
    lease.assertHeld();
  });

  it('takes several resources of one lease with one of them', async () => {
    const world = new VirtualWorld(3);
    const lease = await world.clock.until(world.manager().acquire([R, 'other'], { ttlMs: 9_000 }));
    await world.clock.until(world.manager().forceRelease(R, REASON));
    await world.clock.advance(4_000);
    expect(lease.signal.aborted).toBe(true);
    // What it had besides expires.
    await world.clock.advance(9_000);
    expect(await world.leftovers('other')).toEqual([]);
  });

  it('works while a minority of the nodes is away, and removes a key that keeps others out', async () => {
    const world = new VirtualWorld(3);
    const lease = await world.clock.until(world.manager().acquire(R));
    world.nodes[0]!.down();
    const operator = world.manager();
    await world.clock.until(operator.forceRelease(R, REASON));
    await world.clock.advance(11_000);
    expect(lease.signal.aborted).toBe(true);
    expect((await world.clock.until(world.manager().acquire(R))).token).toBeGreaterThan(lease.token);
  });

  it('does nothing where nobody holds the resource', async () => {
    const world = new VirtualWorld(3);
    const operator = world.manager();
    expect(await world.clock.until(operator.forceRelease(R, REASON))).toBeUndefined();
    expect(world.eventsOf('force_released')).toEqual([]);
  });

  it('rejects while too few nodes answer, and takes nothing', async () => {
    const world = new VirtualWorld(3);
    const lease = await world.clock.until(world.manager().acquire(R));
    const operator = world.manager();
    for (const node of world.nodes.slice(1)) node.down();
    await expect(world.clock.until(operator.forceRelease(R, REASON))).rejects.toBeInstanceOf(
      QuorumUnreachableError,
    );
    lease.assertHeld();
  });

  it.each([
    [undefined, 'forceRelease takes an object of options with a reason, got undefined'],
    [{}, 'reason must be a string, got undefined'],
    [{ reason: '' }, 'reason must have 1 to 200 characters and no control characters'],
    [{ reason: 'x\n' }, 'reason must have 1 to 200 characters and no control characters'],
    [{ reason: 'x', name: 7 }, 'name must be a string, got 7'],
    [{ reason: 'x', force: true }, 'forceRelease: unknown option "force"; the options are reason, name'],
  ])('rejects what an audit could not do with (%o)', async (options, message) => {
    const world = new VirtualWorld(1);
    await expect(world.manager().forceRelease(R, options as never)).rejects.toThrow(message);
  });

  it('takes one resource, and no list of which it would release the first', async () => {
    const world = new VirtualWorld(1);
    const list = ['a', 'b'] as never;
    await expect(world.manager().forceRelease(list, REASON)).rejects.toThrow('resource must be a string');
    await expect(world.manager().inspect(list)).rejects.toThrow('resource must be a string');
  });

  it('needs fencing, without which a holder sets its lost keys again', async () => {
    const world = new VirtualWorld(1);
    const operator = world.manager({ fencing: false });
    await expect(operator.forceRelease(R, REASON)).rejects.toThrow('forceRelease needs the option fencing');
  });
});
