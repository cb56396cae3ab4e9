import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from '@jest/globals';
import type { LockEvent, LockManager } from '../../../src/index.js';
import { VirtualWorld } from '../../support/virtual-world.js';

const R = 'invoice:7';
const WAITS = { waitMs: 60_000 };

const caller = new AsyncLocalStorage<string>();

/** The caller in whose async context each event of a call, or of its lease, is heard. */
function contextsOf(locks: LockManager): Map<number, Set<string | undefined>> {
  const contexts = new Map<number, Set<string | undefined>>();
  locks.subscribe((event) => {
    if (!('id' in event) || event.type === 'vote') return;
    const heard = contexts.get(event.id) ?? new Set();
    contexts.set(event.id, heard.add(caller.getStore()));
  });
  return contexts;
}

describe('the async context of events', () => {
  it('is that of the waiter when another call hands its lease over', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const contexts = contextsOf(locks);
    const use = async (name: string): Promise<string | undefined> => {
      const lease = await locks.acquire(R, WAITS);
      const inside = caller.getStore();
      await lease.release();
      return `${name} ${inside}`;
    };
    const callers = ['one', 'two', 'three'];
    const runs = callers.map((name) => caller.run(name, () => use(name)));
    expect(await world.clock.until(Promise.all(runs))).toEqual(['one one', 'two two', 'three three']);
    // One acquisition on the nodes: the others were handed over.
    expect(world.nodes[0]!.log.filter(({ op }) => op === 'acquire')).toHaveLength(1);
    expect([...contexts.values()].map((names) => [...names])).toEqual(callers.map((name) => [name]));
  });

  it('is that of the waiter in withLock, for the routine as well', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const contexts = contextsOf(locks);
    const inside: (string | undefined)[] = [];
    const run = (): Promise<number> => locks.withLock(R, WAITS, () => inside.push(caller.getStore()));
    const runs = ['one', 'two'].map((name) => caller.run(name, run));
    await world.clock.until(Promise.all(runs));
    expect(inside).toEqual(['one', 'two']);
    expect([...contexts.values()].map((names) => [...names])).toEqual([['one'], ['two']]);
  });

  it('is that of the waiter for a listener that came after its wait began', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const one = caller.run('one', () => locks.acquire(R, WAITS));
    const two = caller.run('two', () => locks.acquire(R, WAITS));
    const held = await world.clock.until(one);
    const contexts = contextsOf(locks);
    await caller.run('one', () => held.release());
    await world.clock.until(two, 0);
    expect([...contexts]).toEqual([
      [1, new Set(['one'])],
      [2, new Set(['two'])],
    ]);
  });

  it('is that of each call when a listener causes the hand-over', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const abort = new AbortController();
    const holding = caller.run('one', () => locks.acquire(R, WAITS));
    // A token is reserved for this call, which leaves it to the next one.
    const gone = locks.acquire(R, { ...WAITS, signal: abort.signal }).catch(() => undefined);
    const held = await world.clock.until(holding);
    abort.abort();
    await gone;
    locks.subscribe(({ type }) => type === 'waiting' && caller.run('listener', () => void held.release()));
    const heard: [LockEvent['type'], string | undefined][] = [];
    locks.subscribe(({ type }) => heard.push([type, caller.getStore()]));
    await world.clock.until(
      caller.run('two', () => locks.acquire(R, WAITS)),
      0,
    );
    expect(heard.filter(([type]) => type !== 'node' && type !== 'membership')).toEqual([
      ['acquiring', 'two'],
      ['waiting', 'two'],
      ['released', 'listener'],
      ['waited', 'two'],
      ['acquired', 'two'],
    ]);
  });
});
