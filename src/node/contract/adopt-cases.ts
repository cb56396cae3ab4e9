import { deepStrictEqual, equal } from 'node:assert/strict';
import { between, matches } from './assertions.js';
import { LONG_MS, type Cases } from './operations.js';

const ABSENT = { kind: 'refused', reason: 'absent' };

/** What acquire must do that takes the keys of another holder. */
export const adoptCases: Cases = {
  'acquire takes the key of the holder that it names, counts, and tells how long it would have lived': async (
    on,
  ) => {
    const resource = on.resource();
    const counter = await on.granted({ resources: [resource], holderId: 'bert' });
    const vote = await on.acquire({ resources: [resource], from: 'bert' });
    matches(vote, { kind: 'granted', counter: counter + 1 });
    between(vote.kind === 'granted' ? vote.giverLeftMs : undefined, LONG_MS / 2, LONG_MS + 1);
    matches(await on.inspect(resource), { owner: 'anna', counter: counter + 1 });
  },

  'a holder whose key was taken extends and releases nothing any more': async (on) => {
    const resources = [on.resource()];
    const token = await on.granted({ resources, holderId: 'bert' });
    await on.granted({ resources, from: 'bert' });
    matches(await on.extend({ resources, holderId: 'bert', token }), { kind: 'refused', owner: 'anna' });
    deepStrictEqual(await on.release({ resources, holderId: 'bert' }), ABSENT);
    equal((await on.inspect(resources[0]!)).owner, 'anna');
  },

  'acquire takes a key once: the next one that names the same holder is refused': async (on) => {
    const resources = [on.resource()];
    await on.granted({ resources, holderId: 'bert' });
    const counter = await on.granted({ resources, from: 'bert' });
    matches(await on.acquire({ resources, holderId: 'carl', from: 'bert' }), {
      kind: 'refused',
      reason: 'held',
      owner: 'anna',
    });
    await on.release({ resources });
    deepStrictEqual(await on.acquire({ resources, holderId: 'carl', from: 'bert' }), ABSENT);
    matches(await on.inspect(resources[0]!), { owner: undefined, counter });
  },

  'acquire takes a key a second time for the same holder, with the same counter, and tells how long it lives':
    async (on) => {
      const resources = [on.resource()];
      await on.granted({ resources, holderId: 'bert' });
      const counter = await on.granted({ resources, from: 'bert' });
      const vote = await on.acquire({ resources, from: 'bert' });
      matches(vote, { kind: 'granted', counter });
      between(vote.kind === 'granted' ? vote.giverLeftMs : undefined, LONG_MS / 2, LONG_MS + 1);
      matches(await on.inspect(resources[0]!), { owner: 'anna', counter });
    },

  'acquire refuses as absent where the key that it would take is gone, and writes nothing': async (on) => {
    const resource = on.resource();
    const counter = await on.granted({ resources: [resource], holderId: 'bert', ttlMs: 20 });
    await on.expire(resource);
    deepStrictEqual(await on.acquire({ resources: [resource], from: 'bert' }), ABSENT);
    matches(await on.inspect(resource), { owner: undefined, counter });
  },

  'acquire takes the keys of all resources or of none': async (on) => {
    const resources = [on.resource(), on.resource()];
    const [taken, other] = resources as [string, string];
    await on.granted({ resources: [taken], holderId: 'bert' });
    deepStrictEqual(await on.acquire({ resources, from: 'bert' }), ABSENT);
    await on.granted({ resources: [other], holderId: 'carl' });
    matches(await on.acquire({ resources, from: 'bert' }), { kind: 'refused', owner: 'carl' });
    equal((await on.inspect(taken)).owner, 'bert');
    await on.release({ resources: [other], holderId: 'carl' });
    await on.granted({ resources: [other], holderId: 'bert' });
    await on.granted({ resources, from: 'bert' });
    for (const resource of resources) equal((await on.inspect(resource)).owner, 'anna');
  },

  'a key that is taken lives as long as it would have, at least': async (on) => {
    const resource = on.resource();
    await on.granted({ resources: [resource], holderId: 'bert' });
    await on.granted({ resources: [resource], from: 'bert', ttlMs: 1_000 });
    between((await on.inspect(resource)).remainingMs, LONG_MS / 2, LONG_MS);
  },
};
