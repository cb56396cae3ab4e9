import { describe, expect, it } from '@jest/globals';
import type { Stamp } from '../../../src/core/validity.js';
import type { LockNode } from '../../../src/node/lock-node.js';
import { LockEvents } from '../../../src/api/lock-events.js';
import { ExtensionRounds } from '../../../src/lock/lease/extension-round.js';
import { Quorum } from '../../../src/lock/quorum/quorum.js';
import { VirtualClock } from '../../support/virtual-clock.js';
import { VirtualWorld } from '../../support/virtual-world.js';

const THIEF = 'thief';

/** Another holder has the resource on this node from now on. */
async function steal(node: VirtualWorld['nodes'][number], resource: string): Promise<void> {
  const resources = [resource];
  const holderId = (await node.owner(resource))!;
  await node.vote({ op: 'release', resources, holderId, keepMs: 0 });
  const claim = { op: 'acquire', resources, holderId: THIEF, ttlMs: 60_000, tokens: 1 } as const;
  await node.vote({ ...claim, deadlineAt: Number.POSITIVE_INFINITY, seed: undefined, tick: undefined });
}

describe('leases that are extended together', () => {
  it('are valid from the same instant on, and asked for before it is over', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager({ ttlMs: 9_000 });
    const leases = await world.clock.until(Promise.all(['a', 'b', 'c'].map((name) => locks.acquire(name))));
    await world.clock.advance(4_000);
    const [sentAt] = world.nodes[0]!.log.filter(({ op }) => op === 'extend').map(({ at }) => at);
    const left = leases.map((lease) => lease.remainingMs());
    expect(new Set(left).size).toBe(1);
    // The node has them a millisecond after they were sent.
    expect(left[0]! + world.clock.now()).toBeLessThanOrEqual(sentAt! + 9_000);
    expect(left[0]!).toBeGreaterThan(7_500);
    await world.clock.until(locks.close());
  });

  it('each has votes of its own: one that others have taken is lost, and the others go on', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager({ ttlMs: 9_000 });
    const [a, b, c] = await world.clock.until(
      Promise.all(['a', 'b', 'c'].map((name) => locks.acquire(name))),
    );
    await world.clock.until(Promise.all([steal(world.nodes[0]!, 'b'), steal(world.nodes[2]!, 'b')]));
    await world.clock.advance(30_000);
    expect(world.eventsOf('lost').map(({ resources, reason }) => [resources, reason])).toEqual([
      [['b'], 'taken'],
    ]);
    expect(b!.remainingMs()).toBe(0);
    a!.assertHeld();
    c!.assertHeld();
    await world.clock.until(locks.close());
  });

  it('a minority that answers too late costs none of them anything', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager({ ttlMs: 9_000 });
    const leases = await world.clock.until(Promise.all(['a', 'b'].map((name) => locks.acquire(name))));
    world.nodes[1]!.behaviour = { requestMs: 1, replyMs: 3_000 };
    await world.clock.advance(30_000);
    expect(world.eventsOf('lost')).toEqual([]);
    for (const lease of leases) lease.assertHeld();
    await world.clock.until(locks.close());
  });
});

describe('ExtensionRounds', () => {
  const clock = new VirtualClock();
  const quorumOf = (nodes: readonly LockNode[]): Quorum =>
    new Quorum(nodes, clock, new LockEvents(() => undefined));
  const quorum = quorumOf([]);
  const now: Stamp = { monotonicMs: 5_000, wallMs: 9_000 };

  it('extensions of the same instant with the same terms are one round', () => {
    const rounds = new ExtensionRounds(0.01);
    const round = rounds.roundAt(quorum, now, 1_000, 250);
    expect(rounds.roundAt(quorum, now, 1_000, 250)).toBe(round);
    expect(round.grant).toEqual({ sentAt: now, ttlMs: 1_000, driftMs: 12 });
    expect(round.shared).toMatchObject({ op: 'extend', sentAt: 5_000, deadlineAt: 5_250 });
  });

  it('another instant, TTL, node timeout or list of nodes is another round', () => {
    const rounds = new ExtensionRounds(0.01);
    const others = [
      () => rounds.roundAt(quorum, { ...now }, 1_000, 250),
      () => rounds.roundAt(quorum, now, 1_001, 250),
      () => rounds.roundAt(quorum, now, 1_000, 251),
      () => rounds.roundAt(quorumOf([]), now, 1_000, 250),
    ];
    for (const other of others) expect(other()).not.toBe(rounds.roundAt(quorum, now, 1_000, 250));
  });
});
