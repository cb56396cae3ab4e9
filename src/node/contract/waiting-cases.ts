import { deepStrictEqual, equal } from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { QueueEntry } from '../node-request.js';
import { matches, until } from './assertions.js';
import { LONG_MS, type Cases, type Operations } from './operations.js';

const newEntry = (): QueueEntry => ({ waiter: `waiter:${randomUUID()}`, listLivesMs: LONG_MS });

/** What every node must do with queue entries, whether it has wait lists or not. */
export const queueCases: Cases = {
  'a queue entry changes neither a grant, a refusal nor a release': async (on) => {
    const resources = [on.resource()];
    matches(await on.acquire({ resources, queueEntry: newEntry() }), { kind: 'granted' });
    matches(await on.acquire({ resources, holderId: 'bert', queueEntry: newEntry() }), {
      kind: 'refused',
      reason: 'held',
      owner: 'anna',
    });
    matches(await on.release({ resources, queueEntry: newEntry() }), { kind: 'granted' });
    equal((await on.inspect(resources[0]!)).owner, undefined);
  },
};

/** What a node with release notifications must do. */
export const waitingCases: Cases = {
  'a waiter is refused, and notified when the resource is released, until it has it': async (on) => {
    const resources = [on.resource()];
    const { queueEntry, heard, close } = await listen(on);
    await on.granted({ resources, holderId: 'bert' });
    for (let i = 0; i < 2; i++)
      matches(await on.acquire({ resources, queueEntry }), { reason: 'held', owner: 'bert' });
    deepStrictEqual(heard, [undefined]);
    deepStrictEqual(await on.release({ resources, holderId: 'bert' }), {
      kind: 'granted',
      counter: 0,
      waiting: 1,
    });
    await hears(heard, 2);
    equal(heard[1], resources[0]);
    await on.granted({ resources, queueEntry });
    await on.release({ resources });
    await on.granted({ resources, holderId: 'bert' });
    deepStrictEqual(await on.release({ resources, holderId: 'bert' }), { kind: 'granted', counter: 0 });
    close();
  },

  'waiters are notified one at a time, in the order of joining, and only those that listen': async (on) => {
    const resources = [on.resource()];
    const [first, second] = [await listen(on), await listen(on)];
    await on.granted({ resources, holderId: 'bert' });
    for (const queueEntry of [newEntry(), first.queueEntry, newEntry(), second.queueEntry])
      await on.acquire({ resources, queueEntry });
    await on.release({ resources, holderId: 'bert' });
    await hears(first.heard, 2);
    deepStrictEqual(second.heard, [undefined]);
    await on.granted({ resources, queueEntry: first.queueEntry });
    await on.release({ resources });
    await hears(second.heard, 2);
    equal(first.heard.length, 2);
    first.close();
    second.close();
  },

  'a waiter that was notified in vain is notified once more before others are': async (on) => {
    const resources = [on.resource()];
    const [first, second] = [await listen(on), await listen(on)];
    await on.granted({ resources, holderId: 'bert' });
    for (const { queueEntry } of [first, second]) await on.acquire({ resources, queueEntry });
    for (const times of [2, 3]) {
      matches(await on.release({ resources, holderId: 'bert' }), { waiting: 1 });
      await hears(first.heard, times);
      await on.granted({ resources, holderId: 'bert' });
      matches(await on.acquire({ resources, queueEntry: first.queueEntry }), { reason: 'held' });
    }
    await on.release({ resources, holderId: 'bert' });
    await hears(second.heard, 2);
    first.close();
    second.close();
  },

  'a waiter is notified of a minimum hold, which is shorter than what it was told before': async (on) => {
    const resources = [on.resource()];
    const { queueEntry, heard, close } = await listen(on);
    await on.granted({ resources, holderId: 'bert' });
    await on.acquire({ resources, queueEntry });
    await on.release({ resources, holderId: 'bert', keepMs: LONG_MS / 2 });
    await hears(heard, 2);
    close();
  },

  'a grant takes the waiter off the lists, and tells how many others wait': async (on) => {
    const resources = [on.resource()];
    const { queueEntry, heard, close } = await listen(on);
    await on.granted({ resources, holderId: 'bert' });
    for (const entry of [queueEntry, newEntry(), newEntry()])
      await on.acquire({ resources, queueEntry: entry });
    matches(await on.acquire({ resources, holderId: 'bert', queueEntry: newEntry() }), { waiting: 3 });
    // The one that listens is notified. The others stay on the list.
    await on.release({ resources, holderId: 'bert' });
    await hears(heard, 2);
    matches(await on.acquire({ resources, queueEntry }), { kind: 'granted', waiting: 2 });
    await on.release({ resources });
    matches(await on.acquire({ resources, queueEntry }), { kind: 'granted', waiting: 0 });
    close();
  },

  'a waiter for several resources is on the list of the one that refused': async (on) => {
    const [a, b] = [on.resource(), on.resource()];
    const { queueEntry, heard, close } = await listen(on);
    await on.granted({ resources: [b], holderId: 'bert' });
    await on.acquire({ resources: [a, b], queueEntry });
    await on.granted({ resources: [a], holderId: 'carl' });
    await on.release({ resources: [a], holderId: 'carl' });
    await on.release({ resources: [b], holderId: 'bert' });
    await hears(heard, 2);
    equal(heard[1], b);
    close();
  },

  'a release may put its own process at the end of the list': async (on) => {
    const resources = [on.resource()];
    const [own, other] = [await listen(on), await listen(on)];
    await on.granted({ resources });
    await on.acquire({ resources, holderId: 'bert', queueEntry: other.queueEntry });
    await on.release({ resources, queueEntry: own.queueEntry });
    await hears(other.heard, 2);
    await on.granted({ resources, holderId: 'bert', queueEntry: other.queueEntry });
    await on.release({ resources, holderId: 'bert' });
    await hears(own.heard, 2);
    own.close();
    other.close();
  },

  'wake notifies nobody while the resource is held': async (on) => {
    const resources = [on.resource()];
    const { queueEntry, heard, close } = await listen(on);
    await on.granted({ resources, holderId: 'bert' });
    await on.acquire({ resources, queueEntry });
    await on.wake(resources);
    // The waiter is still on the list.
    matches(await on.release({ resources, holderId: 'bert' }), { kind: 'granted', waiting: 1 });
    await hears(heard, 2);
    deepStrictEqual(heard, [undefined, resources[0]]);
    close();
  },

  'wake notifies the next waiter if the resource is free': async (on) => {
    const resources = [on.resource()];
    const [first, second] = [await listen(on), await listen(on)];
    await on.granted({ resources, holderId: 'bert' });
    for (const { queueEntry } of [first, second]) await on.acquire({ resources, queueEntry });
    await on.release({ resources, holderId: 'bert' });
    await hears(first.heard, 2);
    deepStrictEqual(second.heard, [undefined]);
    await on.wake(resources, first.queueEntry.waiter);
    await hears(second.heard, 2);
    equal(first.heard.length, 2);
    first.close();
    second.close();
  },

  'a request without a queue entry is on no list': async (on) => {
    const resources = [on.resource()];
    await on.granted({ resources, holderId: 'bert' });
    matches(await on.acquire({ resources }), { reason: 'held' });
    matches(await on.acquire({ resources, holderId: 'bert', queueEntry: newEntry() }), { waiting: 0 });
  },

  'a request after its deadline is on no list': async (on) => {
    const resources = [on.resource()];
    await on.granted({ resources, holderId: 'bert' });
    const deadlineAt = on.now() - 1;
    matches(await on.acquire({ resources, queueEntry: newEntry(), deadlineAt }), { reason: 'late' });
    matches(await on.acquire({ resources, holderId: 'bert', queueEntry: newEntry() }), { waiting: 0 });
  },

  'a listener that was closed hears nothing more': async (on) => {
    const resources = [on.resource()];
    const [closed, open] = [await listen(on), await listen(on)];
    await on.granted({ resources, holderId: 'bert' });
    for (const { queueEntry } of [closed, open]) await on.acquire({ resources, queueEntry });
    closed.close();
    await until(async () => {
      await on.release({ resources, holderId: 'bert' });
      await on.acquire({ resources, holderId: 'bert' });
      return open.heard.length > 1;
    }, 'the other listener to be notified');
    open.close();
  },
};

interface Listening {
  readonly queueEntry: QueueEntry;
  /** What it has heard; `undefined` for the opening. */
  readonly heard: readonly (string | undefined)[];
  readonly close: () => void;
}

/** A waiter whose listener is open. */
async function listen({ node }: Operations): Promise<Listening> {
  const queueEntry = newEntry();
  const heard: (string | undefined)[] = [];
  const listener = node.onRelease!(queueEntry.waiter, (resource) => void heard.push(resource));
  await until(() => listener.open && heard.length === 1, 'the listener to open');
  return { queueEntry, heard, close: () => listener.close() };
}

const hears = (heard: readonly unknown[], times: number): Promise<void> =>
  until(() => heard.length >= times, `${times} notifications`);
