import { getEventListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { LeaseLostError } from '../../../src/index.js';
import { onAbort } from '../../../src/lock/lease/abort-listeners.js';
import { VirtualWorld } from '../../support/virtual-world.js';

const listenersOn = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('many listeners to one signal', () => {
  it('are behind one listener, which goes with the last of them', () => {
    const { signal } = new AbortController();
    const ends = Array.from({ length: 1_000 }, () => onAbort(signal, () => undefined));
    expect(listenersOn(signal)).toBe(1);
    for (const end of ends) end();
    expect(listenersOn(signal)).toBe(0);
  });

  it('are called once each in their order, and not after their end', () => {
    const controller = new AbortController();
    const called: string[] = [];
    onAbort(controller.signal, () => called.push('first'));
    const end = onAbort(controller.signal, () => called.push('ended before'));
    let endLater = (): void => undefined;
    onAbort(controller.signal, () => {
      called.push('second');
      endLater();
    });
    endLater = onAbort(controller.signal, () => called.push('ended meanwhile'));
    end();
    controller.abort();
    expect(called).toEqual(['first', 'second']);
  });

  it('are not called for a signal that has aborted before', () => {
    const called: number[] = [];
    onAbort(AbortSignal.abort(), () => called.push(1))();
    expect(called).toEqual([]);
  });
});

describe('many calls with one signal', () => {
  it('all reject with its reason, and no lease is lost', async () => {
    const world = new VirtualWorld(3);
    const held = await world.clock.until(world.manager().acquire('busy'));
    const locks = world.manager();
    const mine = await world.clock.until(locks.acquire('mine'));
    const controller = new AbortController();
    const { signal } = controller;
    const waits = Array.from({ length: 20_000 }, () => locks.acquire('busy', { waitMs: 600_000, signal }));
    const ended = Promise.allSettled(waits);
    // The nodes answer the first of them meanwhile.
    await world.clock.advance(10);
    expect(listenersOn(signal)).toBe(1);
    const reason = new Error('enough');
    controller.abort(reason);
    const endings = await world.clock.until(ended);
    expect(endings.filter((one) => one.status === 'rejected' && one.reason === reason)).toHaveLength(20_000);
    expect(listenersOn(signal)).toBe(0);
    expect([held, mine].map((lease) => lease.signal.aborted)).toEqual([false, false]);
    expect(world.eventsOf('lost')).toEqual([]);
    await world.clock.until(held.release());
    await expect(world.clock.until(locks.acquire('busy'))).resolves.toMatchObject({ attempts: 1 });
  });

  it('of withLock abort their runs, each by its own signal', async () => {
    const world = new VirtualWorld(3);
    const locks = world.manager();
    const controller = new AbortController();
    const { signal } = controller;
    const runs = Array.from({ length: 100 }, (_, index) =>
      locks.withLock(`job:${index}`, { signal }, (lease) => {
        const aborted = new Promise<unknown>((resolve) => {
          lease.signal.addEventListener('abort', () => resolve(lease.signal.reason));
        });
        return aborted;
      }),
    );
    await world.clock.advance(10);
    expect(listenersOn(signal)).toBe(1);
    controller.abort('stop');
    const reasons = await world.clock.until(Promise.all(runs));
    expect(new Set(reasons)).toEqual(new Set(['stop']));
    expect(reasons.some((one) => one instanceof LeaseLostError)).toBe(false);
    expect(listenersOn(signal)).toBe(0);
  });
});
