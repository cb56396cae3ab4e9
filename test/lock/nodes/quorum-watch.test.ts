import { describe, expect, it } from '@jest/globals';
import { LockManager, memoryNode, type LockEvent } from '../../../src/index.js';
import { VirtualWorld } from '../../support/virtual-world.js';

const quorumOf = (events: readonly LockEvent[]) =>
  events.filter((event) => event.type === 'quorum').map(({ atStart, quorum }) => ({ atStart, ...quorum }));

describe('whether a majority of the nodes is ready', () => {
  it('is told once when all nodes are ready', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    await world.clock.advance(10);
    const all = { ready: 3, needed: 2, nodes: 3, reached: true };
    expect(quorumOf(world.events)).toEqual([{ atStart: true, ...all }]);
    expect(await locks.started()).toEqual(all);
    await world.clock.until(locks.close());
    expect(quorumOf(world.events)).toHaveLength(1);
  });

  it('is told at once when all nodes have said why they are not ready', async () => {
    const world = new VirtualWorld(3);
    for (const node of world.nodes.slice(0, 2)) node.setState({ status: 'unreachable', reason: 'refused' });
    const locks = world.manager();
    await world.clock.advance(10);
    const none = { ready: 1, needed: 2, nodes: 3, reached: false };
    expect(quorumOf(world.events)).toEqual([{ atStart: true, ...none }]);
    expect(await locks.started()).toEqual(none);
    await world.clock.until(locks.close());
  });

  it('a server that has two addresses counts once', async () => {
    const world = new VirtualWorld(3);
    for (const node of world.nodes.slice(0, 2)) node.setState({ status: 'ready', serverId: 'one' });
    world.nodes[2]!.setState({ status: 'unreachable', reason: 'refused' });
    const locks = world.manager();
    await world.clock.advance(10);
    const one = { ready: 1, needed: 2, nodes: 3 };
    expect(await locks.started()).toEqual({ ...one, reached: false });
    expect(locks.health()).toMatchObject({
      ...one,
      status: 'down',
      reason: '1 of 3 nodes is ready, and 2 are needed',
    });
    await world.clock.until(locks.close());
  });

  it('is told after two seconds if a node says nothing', async () => {
    const world = new VirtualWorld(3);
    world.nodes[2]!.setState({ status: 'connecting' });
    const locks = world.manager();
    await world.clock.advance(1_999);
    expect(quorumOf(world.events)).toEqual([]);
    await world.clock.advance(1);
    expect(quorumOf(world.events)).toEqual([{ atStart: true, ready: 2, needed: 2, nodes: 3, reached: true }]);
    await world.clock.until(locks.close());
  });

  it('is told again at every loss and return of the majority, and not for a minority', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    await world.clock.advance(10);
    const [first, second] = world.nodes;
    first!.setState({ status: 'unreachable', reason: 'refused' });
    expect(quorumOf(world.events)).toHaveLength(1);
    second!.setState({ status: 'unreachable', reason: 'refused' });
    second!.setState({ status: 'ready' });
    first!.setState({ status: 'ready' });
    expect(quorumOf(world.events).slice(1)).toEqual([
      { atStart: false, ready: 1, needed: 2, nodes: 3, reached: false },
      { atStart: false, ready: 2, needed: 2, nodes: 3, reached: true },
    ]);
    await world.clock.until(locks.close());
  });

  it('is told to those who subscribe right after the constructor, with nodes in memory too', async () => {
    const locks = new LockManager({ nodes: [memoryNode()] });
    const events: LockEvent[] = [];
    locks.subscribe((event) => void events.push(event));
    expect(await locks.started()).toEqual({ ready: 1, needed: 1, nodes: 1, reached: true });
    expect(quorumOf(events)).toHaveLength(1);
    await locks.close();
  });

  it('started() resolves if the manager is closed before, and after that', async () => {
    const world = new VirtualWorld(1);
    world.nodes[0]!.setState({ status: 'connecting' });
    const locks = world.manager();
    const started = locks.started();
    await world.clock.until(locks.close());
    expect((await started).reached).toBe(false);
    expect((await locks.started()).reached).toBe(false);
    expect(quorumOf(world.events)).toEqual([]);
  });
});
