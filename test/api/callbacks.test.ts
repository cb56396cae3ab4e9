import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { LockManager, memoryNode, type LockListener } from '../../src/index.js';
import { VirtualWorld } from '../support/virtual-world.js';

/** It cannot be made a text of in the usual way. */
const textless: unknown = Object.create(null);
const hostile: unknown = {
  toString: () => {
    throw new Error('no text');
  },
};
const raise = (what: unknown) => (): never => {
  throw what;
};
const reject = (what: unknown) => (): never => Promise.resolve().then(raise(what)) as never;

afterEach(() => void jest.restoreAllMocks());

describe('a listener of events that fails', () => {
  it.each<[string, LockListener, string]>([
    ['throws an error', raise(new Error('no disk')), 'no disk'],
    ['throws a text', raise('no disk'), 'no disk'],
    ['throws what has no text', raise(textless), '[Object: null prototype] {}'],
    ['throws what throws', raise(hostile), 'something that has no text'],
    ['rejects', reject(new Error('no disk')), 'no disk'],
    ['throws several errors', raise(new AggregateError([new Error('no disk')])), 'no disk'],
    ['rejects with nothing', reject(undefined), 'undefined'],
  ])('because it %s is a warning, and nothing else', async (_, listener, message) => {
    const warnings: string[] = [];
    const locks = new LockManager({ nodes: [memoryNode()], warn: (text) => void warnings.push(text) });
    locks.subscribe(listener);
    expect(await locks.withLock('report', () => 'sent')).toBe('sent');
    await locks.close();
    expect(warnings).toContain(`a listener threw on the event "acquired": ${message}`);
  });
});

describe('listeners', () => {
  it('one that fails at every event is told once for each, whatever it hears', async () => {
    const warnings: string[] = [];
    const locks = new LockManager({ nodes: [memoryNode()], warn: (text) => void warnings.push(text) });
    locks.subscribe(raise(new Error('no disk')));
    for (let time = 0; time < 3; time++) await locks.withLock('report', () => undefined);
    await locks.close();
    expect(warnings.filter((warning) => warning.includes('"acquired"'))).toHaveLength(1);
  });

  it('one that subscribes while an event is told hears of it once, as of what is so', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const heard: string[] = [];
    const stop = locks.subscribe(({ type }) => {
      if (type !== 'elected') return;
      stop();
      locks.subscribe((event) => void heard.push(event.type));
    });
    const election = locks.elect('reports', {});
    await world.clock.advance(100);
    await world.clock.until(election.stop());
    expect(heard.filter((type) => type === 'elected' || type === 'deposed')).toEqual(['elected', 'deposed']);
  });

  it('one that has subscribed twice hears each event once, until it has stopped twice', async () => {
    const locks = new LockManager({ nodes: [memoryNode()] });
    let acquired = 0;
    const listener: LockListener = ({ type }) => void (acquired += type === 'acquired' ? 1 : 0);
    const [first, second] = [locks.subscribe(listener), locks.subscribe(listener)];
    await locks.withLock('report', () => undefined);
    first();
    first();
    await locks.withLock('report', () => undefined);
    second();
    await locks.withLock('report', () => undefined);
    await locks.close();
    expect(acquired).toBe(2);
  });
});

describe('a function for warnings that fails', () => {
  it.each<[string, () => never]>([
    ['throws', raise(new Error('no disk'))],
    ['rejects', reject(new Error('no disk'))],
  ])('because it %s is a warning of the process', async (_, warn) => {
    const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const locks = new LockManager({ nodes: [memoryNode(), memoryNode({ name: 'b' })], warn });
    expect(await locks.withLock('report', () => 'sent')).toBe('sent');
    await locks.close();
    expect(emitWarning.mock.calls).toEqual([['warn failed: no disk', 'QuorlockWarning']]);
  });
});

describe('an election whose functions throw what has no text', () => {
  it('goes on', async () => {
    const world = new VirtualWorld(3);
    const options = { onElected: raise(textless), onLost: raise(textless) };
    const election = world.manager().elect('reports', options);
    await world.clock.advance(100);
    await world.clock.until(election.stop());
    expect(world.eventsOf('deposed')).toMatchObject([{ reason: 'failed' }]);
    expect(world.warnings).toEqual([
      'onElected of "reports" failed, so it resigns: [Object: null prototype] {}',
      'onLost of "reports" failed: [Object: null prototype] {}',
    ]);
  });
});
