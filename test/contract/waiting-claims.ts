import { describe, expect, it } from '@jest/globals';
import type { QueueEntry } from '../../src/node/lock-node.js';
import { until } from '../support/until.js';
import { freshResource, LONG_MS, type Operations } from './subject.js';

/** What must hold on every node for those who wait. */
export function describeWaiting(on: () => Operations): void {
  let made = 0;
  const waiting = (): QueueEntry => ({ waiter: `waiter:${process.pid}:${++made}`, listLivesMs: LONG_MS });

  /** Somebody who hears, and what he has heard; `undefined` for the opening. */
  async function listeners(): Promise<{
    queueEntry: QueueEntry;
    heard: (string | undefined)[];
    close: () => void;
  }> {
    const queueEntry = waiting();
    const heard: (string | undefined)[] = [];
    const listener = on().subject.node.onRelease!(queueEntry.waiter, (resource) => void heard.push(resource));
    await until(() => listener.open && heard.length === 1);
    return { queueEntry, heard, close: () => listener.close() };
  }

  describe('who waits', () => {
    it('is refused, and told when the resource is released, once', async () => {
      const resources = [freshResource()];
      const { queueEntry, heard, close } = await listeners();
      await on().granted({ resources, holderId: 'bert' });
      expect(await on().acquire({ resources, queueEntry })).toMatchObject({ reason: 'held', owner: 'bert' });
      expect(await on().acquire({ resources, queueEntry })).toMatchObject({ reason: 'held', owner: 'bert' });
      expect(heard).toEqual([undefined]);
      expect(await on().release({ resources, holderId: 'bert' })).toEqual({
        kind: 'granted',
        counter: 0,
        waiting: 1,
      });
      await until(() => heard.length === 2);
      expect(heard[1]).toBe(resources[0]);
      await on().granted({ resources, holderId: 'bert' });
      expect(await on().release({ resources, holderId: 'bert' })).toEqual({ kind: 'granted', counter: 0 });
      close();
    });

    it('is told in the order of coming, one at a time, and those who do not hear are passed over', async () => {
      const resources = [freshResource()];
      const [first, second] = [await listeners(), await listeners()];
      await on().granted({ resources, holderId: 'bert' });
      for (const queueEntry of [waiting(), first.queueEntry, waiting(), second.queueEntry])
        await on().acquire({ resources, queueEntry });
      await on().release({ resources, holderId: 'bert' });
      await until(() => first.heard.length === 2);
      expect(second.heard).toEqual([undefined]);
      await on().granted({ resources, holderId: 'bert' });
      await on().release({ resources, holderId: 'bert' });
      await until(() => second.heard.length === 2);
      expect(first.heard).toHaveLength(2);
      first.close();
      second.close();
    });

    it('is told of a minimum hold as well, which is shorter than what it was told before', async () => {
      const resources = [freshResource()];
      const { queueEntry, heard, close } = await listeners();
      await on().granted({ resources, holderId: 'bert' });
      await on().acquire({ resources, queueEntry });
      await on().release({ resources, holderId: 'bert', keepMs: LONG_MS / 2 });
      await until(() => heard.length === 2);
      close();
    });

    it('is taken off the lists by a grant, which tells how many others wait', async () => {
      const resources = [freshResource()];
      const { queueEntry, heard, close } = await listeners();
      await on().granted({ resources, holderId: 'bert' });
      for (const one of [queueEntry, waiting(), waiting()])
        await on().acquire({ resources, queueEntry: one });
      expect(await on().acquire({ resources, holderId: 'bert', queueEntry: waiting() })).toMatchObject({
        waiting: 3,
      });
      // Those who do not hear are passed over, and the one who does was told.
      await on().release({ resources, holderId: 'bert' });
      await until(() => heard.length === 2);
      expect(await on().acquire({ resources, queueEntry })).toMatchObject({ kind: 'granted', waiting: 2 });
      await on().release({ resources });
      expect(await on().acquire({ resources, queueEntry })).toMatchObject({ kind: 'granted', waiting: 0 });
      close();
    });

    it('of several resources is on the list of the one that refused', async () => {
      const [a, b] = [freshResource(), freshResource()];
      const { queueEntry, heard, close } = await listeners();
      await on().granted({ resources: [b], holderId: 'bert' });
      await on().acquire({ resources: [a, b], queueEntry });
      await on().granted({ resources: [a], holderId: 'carl' });
      await on().release({ resources: [a], holderId: 'carl' });
      await on().release({ resources: [b], holderId: 'bert' });
      await until(() => heard.length === 2);
      expect(heard[1]).toBe(b);
      close();
    });

    it('may go to the end of the list with a release', async () => {
      const resources = [freshResource()];
      const [one, other] = [await listeners(), await listeners()];
      await on().granted({ resources });
      await on().acquire({ resources, holderId: 'bert', queueEntry: other.queueEntry });
      await on().release({ resources, queueEntry: one.queueEntry });
      await until(() => other.heard.length === 2);
      await on().granted({ resources, holderId: 'bert' });
      await on().release({ resources, holderId: 'bert' });
      await until(() => one.heard.length === 2);
      one.close();
      other.close();
    });

    it('is told by another who was told in vain, but not while somebody has the resource', async () => {
      const resources = [freshResource()];
      const { queueEntry, heard, close } = await listeners();
      await on().granted({ resources, holderId: 'bert', ttlMs: 20 });
      await on().acquire({ resources, queueEntry });
      await on().wake(resources);
      await on().subject.expire(resources[0]!);
      expect(heard).toEqual([undefined]);
      await on().wake(resources);
      await until(() => heard.length === 2);
      close();
    });

    it('without saying so is on no list', async () => {
      const resources = [freshResource()];
      await on().granted({ resources, holderId: 'bert' });
      expect(await on().acquire({ resources })).toMatchObject({ reason: 'held' });
      expect(await on().acquire({ resources, holderId: 'bert', queueEntry: waiting() })).toMatchObject({
        waiting: 0,
      });
    });

    it('late is on no list', async () => {
      const resources = [freshResource()];
      await on().granted({ resources, holderId: 'bert' });
      const deadlineAt = on().subject.now() - 1;
      expect(await on().acquire({ resources, queueEntry: waiting(), deadlineAt })).toMatchObject({
        reason: 'late',
      });
      expect(await on().acquire({ resources, holderId: 'bert', queueEntry: waiting() })).toMatchObject({
        waiting: 0,
      });
    });
  });
}
