import { describe, expect, it } from '@jest/globals';
import type { LockManager } from '../../../src/index.js';
import type { NodeState } from '../../../src/node/node-state.js';
import { VirtualWorld } from '../../support/virtual-world.js';

const R = 'invoice:7';

/** The state of a node that answered, with the distance of its clock from the client's. */
const ready = (clockOffsetMs: number, ownGapMs?: number): NodeState => ({
  status: 'ready',
  clockOffsetMs,
  ...(ownGapMs === undefined ? {} : { ownGapMs }),
});

const statuses = (locks: LockManager): string[] => locks.nodes().map(({ status }) => status);

/** A client that has just started. None of its nodes is connected yet. */
function starting(count = 3): { world: VirtualWorld; locks: LockManager; asked: () => boolean } {
  const world = new VirtualWorld(count);
  for (const node of world.nodes) node.setState({ status: 'connecting' });
  return { world, locks: world.manager(), asked: () => world.nodes.some(({ log }) => log.length > 0) };
}

describe('a client that has just started', () => {
  it('a new client asks as soon as the clocks of a majority are known and agree', async () => {
    const { world, locks } = starting();
    const acquiring = locks.acquire(R);
    world.nodes[0]!.setState(ready(20));
    world.nodes[1]!.setState(ready(-20));
    await world.clock.until(acquiring, 10);
  });

  it('a new client waits for a third clock if two differ, and distrusts the one that stands apart', async () => {
    const { world, locks, asked } = starting();
    const acquiring = locks.acquire(R);
    world.nodes[0]!.setState(ready(60_000));
    world.nodes[1]!.setState(ready(0));
    await world.clock.advance(1_000);
    expect(asked()).toBe(false);
    expect(statuses(locks)).toEqual(['ready', 'ready', 'connecting']);
    world.nodes[2]!.setState(ready(5));
    expect(statuses(locks)).toEqual(['untrusted', 'ready', 'ready']);
    await world.clock.until(acquiring, 10);
  });

  it('a new client trusts neither of two clocks that differ if the third node is away', async () => {
    const { world, locks } = starting();
    world.nodes[0]!.setState(ready(60_000));
    world.nodes[1]!.setState(ready(0));
    world.nodes[2]!.setState({ status: 'unreachable', reason: 'connection refused' });
    expect(statuses(locks)).toEqual(['untrusted', 'untrusted', 'unreachable']);
  });

  it('a new client waits two seconds at most for a node that neither answers nor refuses', async () => {
    const { world, locks, asked } = starting();
    const acquiring = locks.acquire(R);
    acquiring.catch(() => undefined);
    world.nodes[0]!.setState(ready(60_000));
    world.nodes[1]!.setState(ready(0));
    await world.clock.advance(1_900);
    expect(asked()).toBe(false);
    await world.clock.advance(200);
    expect(asked()).toBe(true);
    expect(statuses(locks)).toEqual(['untrusted', 'untrusted', 'connecting']);
  });

  it('a node that comes later is judged by the majority that is there', async () => {
    const { world, locks } = starting(5);
    for (const [nodeIndex, offset] of [0, 100, 200].entries())
      world.nodes[nodeIndex]!.setState(ready(offset));
    await world.clock.until(locks.acquire(R), 10);
    world.nodes[3]!.setState(ready(-30_000));
    world.nodes[4]!.setState(ready(50));
    expect(statuses(locks)).toEqual(['ready', 'ready', 'ready', 'untrusted', 'ready']);
  });
});

describe('a client with history', () => {
  it('a client that was suspended does not compare clocks from before with clocks from after', async () => {
    const { world, locks } = starting();
    const gapMs = (): number => world.clock.stamp().wallMs - world.clock.now();
    for (const node of world.nodes) node.setState(ready(0, gapMs()));
    world.clock.stepWall(3_600_000);
    // The monotonic clock stood still for an hour, so each node's clock is an hour ahead of it.
    for (const node of world.nodes) {
      node.setState(ready(3_600_000, gapMs()));
      expect(statuses(locks)).toEqual(['ready', 'ready', 'ready']);
    }
  });

  it('a client that was suspended compares the nodes again, because a step could not be seen', async () => {
    const { world, locks } = starting();
    const gapMs = (): number => world.clock.stamp().wallMs - world.clock.now();
    for (const node of world.nodes) node.setState(ready(0, gapMs()));
    world.clock.stepWall(3_600_000);
    for (const [nodeIndex, offset] of [3_600_000, 3_600_000, 3_700_000].entries()) {
      world.nodes[nodeIndex]!.setState(ready(offset, gapMs()));
    }
    expect(statuses(locks)).toEqual(['ready', 'ready', 'untrusted']);
  });

  it('a client trusts a node that it knows although another one has a wrong clock', async () => {
    const { world, locks } = starting();
    for (const node of world.nodes) node.setState(ready(0));
    world.nodes[2]!.setState({ status: 'unreachable', reason: 'connection refused' });
    world.nodes[1]!.setState(ready(60_000));
    expect(statuses(locks)[0]).toBe('ready');
  });
});
