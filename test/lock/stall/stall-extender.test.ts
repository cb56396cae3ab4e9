import { beforeEach, describe, expect, it } from '@jest/globals';
import { LockEvents } from '../../../src/api/lock-events.js';
import { Quorum } from '../../../src/lock/quorum/quorum.js';
import { Heartbeat, SharedLease } from '../../../src/lock/stall/shared-lease.js';
import { StallExtender } from '../../../src/lock/stall/stall-extender.js';
import type { RemoteLeaseTerms } from '../../../src/lock/lease/lease-guard.js';
import type { ExtendRequest } from '../../../src/node/node-request.js';
import { VirtualWorld } from '../../support/virtual-world.js';

const R = 'invoice:7';
const HOLDER = 'anna';
const TTL_MS = 3_000;
const DRIFT_MS = 32;
const MAX_STALL_MS = 20_000;

let world: VirtualWorld;
let shared: SharedLease;
let heartbeat: Heartbeat;
let token: number;

/** Keys on three nodes, their shared lease, and an extender whose main thread was seen to run just now. */
async function begin(terms: Partial<RemoteLeaseTerms> = {}): Promise<StallExtender> {
  const { clock, nodes } = world;
  const sentAt = clock.now();
  const request = {
    op: 'acquire',
    resources: [R],
    holderId: HOLDER,
    ttlMs: TTL_MS,
    tick: undefined,
  } as const;
  const votes = nodes.map((node) =>
    node.vote({ ...request, deadlineAt: sentAt + 250, seed: 1_000, tokens: 1 }),
  );
  const [vote] = await clock.until(Promise.all(votes));
  token = vote?.kind === 'granted' ? vote.counter : 0;
  shared.hold(sentAt + TTL_MS - DRIFT_MS, token);
  heartbeat.beat(clock.now());
  const quorum = new Quorum(nodes, clock, new LockEvents(() => undefined));
  const extender = new StallExtender(quorum, clock, heartbeat, MAX_STALL_MS);
  const given = { resources: [R], holderId: HOLDER, ttlMs: TTL_MS, driftMs: DRIFT_MS, nodeTimeoutMs: 250 };
  extender.begin(1, { ...given, maxHoldAt: Number.POSITIVE_INFINITY, ...terms }, shared.memory);
  return extender;
}

const extensions = (): number => world.nodes[0]!.log.filter(({ op }) => op === 'extend').length;

beforeEach(() => {
  world = new VirtualWorld(3);
  shared = new SharedLease();
  heartbeat = new Heartbeat();
});

describe('StallExtender', () => {
  it('nothing is extended while the main thread runs', async () => {
    await begin();
    for (let beats = 0; beats < 25; beats++) {
      heartbeat.beat(world.clock.now());
      await world.clock.advance(100);
    }
    expect(extensions()).toBe(0);
    expect(shared.extendedAt).toBeUndefined();
  });

  it('a lease is extended and recorded while the main thread is blocked, until it counts as hung', async () => {
    await begin();
    const beganAt = world.clock.now();
    for (let seconds = 0; seconds < 20; seconds++) {
      await world.clock.advance(1_000);
      expect(await world.owners(R)).toEqual([HOLDER, HOLDER, HOLDER]);
    }
    const { monotonicMs = 0 } = shared.extendedAt ?? {};
    expect(monotonicMs).toBeGreaterThan(beganAt + MAX_STALL_MS - TTL_MS);
    expect(monotonicMs).toBeLessThan(beganAt + MAX_STALL_MS);
    // The keys live at least a TTL from the instant that was recorded, because it was read before the
    // request.
    expect(await world.nodes[0]!.remainingMs(R)).toBeGreaterThanOrEqual(
      monotonicMs + TTL_MS - world.clock.now(),
    );
    await world.clock.advance(TTL_MS);
    expect(await world.leftovers(R)).toEqual([]);
    expect(shared.extendedAt?.monotonicMs).toBe(monotonicMs);
  });

  it('a lease is extended for as long as the main thread runs from time to time', async () => {
    await begin();
    for (let stumbles = 0; stumbles < 5; stumbles++) {
      await world.clock.advance(MAX_STALL_MS - 1_000);
      heartbeat.beat(world.clock.now());
    }
    expect(await world.owners(R)).toEqual([HOLDER, HOLDER, HOLDER]);
  });

  it.each<[string, (extender: StallExtender) => void]>([
    ['has ended by its shared memory alone', () => shared.end()],
    ['has ended by the message', (extender) => extender.end(1)],
  ])('a lease that %s is not extended', async (_, end) => {
    const extender = await begin();
    end(extender);
    await world.clock.advance(TTL_MS);
    expect(extensions()).toBe(0);
    expect(await world.leftovers(R)).toEqual([]);
  });

  it('no key is set again when a release overtakes the extension on another connection', async () => {
    await begin();
    for (const node of world.nodes) node.behaviour = { requestMs: 200, replyMs: 1 };
    while (world.nodes[0]!.underWay === 0) await world.clock.advance(10);
    shared.end();
    for (const node of world.nodes) {
      node.behaviour = { requestMs: 1, replyMs: 1 };
      void node.vote({ op: 'release', resources: [R], holderId: HOLDER, keepMs: 0 });
    }
    await world.clock.advance(300);
    expect(world.nodes[0]!.log.map(({ op, vote }) => `${op} ${vote.kind}`)).toEqual([
      'acquire granted',
      'release granted',
      'extend refused',
    ]);
    expect(await world.leftovers(R)).toEqual([]);
  });

  it('no key is set again on a node that lost everything', async () => {
    await begin();
    world.nodes[2]!.loseData();
    await world.clock.advance(TTL_MS);
    expect(await world.owners(R)).toEqual([HOLDER, HOLDER, undefined]);
    expect(shared.extendedAt).toBeDefined();
  });

  it('an extension without a majority is not recorded, and is tried again', async () => {
    await begin();
    world.nodes[1]!.down();
    world.nodes[2]!.down();
    await world.clock.advance(2_000);
    expect(shared.extendedAt).toBeUndefined();
    world.nodes[1]!.up();
    await world.clock.advance(700);
    expect(shared.extendedAt).toBeDefined();
  });

  it('a lease that is over is not extended, although the nodes still have its keys', async () => {
    await begin();
    for (const node of world.nodes) {
      const request = { op: 'extend', resources: [R], holderId: HOLDER, token, maxCounter: token } as const;
      const longer: ExtendRequest = { ...request, ttlMs: 60_000, deadlineAt: world.clock.now() + 250 };
      await world.clock.until(node.vote(longer));
    }
    const before = extensions();
    world.clock.freeze(TTL_MS);
    await world.clock.advance(5_000);
    expect(extensions()).toBe(before);
    expect(shared.extendedAt).toBeUndefined();
  });

  it('a lease is not extended beyond maxHoldMs', async () => {
    await begin({ maxHoldAt: world.clock.now() + 5_000 });
    await world.clock.advance(5_000 + TTL_MS);
    expect(await world.leftovers(R)).toEqual([]);
  });

  it('counters are raised to maxCounter, and to the counter of a node that is above it', async () => {
    await begin();
    const other = {
      op: 'confirm',
      resources: [R],
      holderId: HOLDER,
      token: token + 5,
      tick: undefined,
    } as const;
    for (const node of world.nodes.slice(0, 2))
      await world.clock.until(node.vote({ ...other, deadlineAt: world.clock.now() + 250 }));
    await world.clock.advance(2_500);
    expect(shared.extendedAt).toBeDefined();
    const [inspected] = await world.nodes[2]!.inspect([R]);
    expect(inspected).toMatchObject({ counter: token + 5 });
  });
});
