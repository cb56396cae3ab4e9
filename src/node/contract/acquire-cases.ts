import { deepStrictEqual, equal, ok } from 'node:assert/strict';
import { between, matches } from './assertions.js';
import { LONG_MS, wallUs, type Cases } from './operations.js';

/** In microseconds. */
const HOUR_US = 3_600_000_000;

const NOTHING = {
  kind: 'inspected',
  owner: undefined,
  remainingMs: 0,
  counter: undefined,
  run: undefined,
};

/** What acquire must do. */
export const acquireCases: Cases = {
  'acquire grants a free resource for the time asked for, with a counter': async (on) => {
    const resource = on.resource();
    const counter = await on.granted({ resources: [resource] });
    const inspected = await on.inspect(resource);
    matches(inspected, { owner: 'anna', counter, run: undefined });
    between(inspected.remainingMs, LONG_MS / 2, LONG_MS);
  },

  'acquire refuses what another holds, and names the owner and how long its key lives': async (on) => {
    const resources = [on.resource()];
    await on.granted({ resources, holderId: 'bert' });
    const vote = await on.acquire({ resources });
    matches(vote, { kind: 'refused', reason: 'held', owner: 'bert' });
    between(vote.kind === 'refused' ? vote.remainingMs : undefined, LONG_MS / 2, LONG_MS);
  },

  'a refused acquire changes neither the owner nor the counter': async (on) => {
    const resource = on.resource();
    const counter = await on.granted({ resources: [resource], holderId: 'bert' });
    for (let i = 0; i < 3; i++) await on.acquire({ resources: [resource] });
    matches(await on.inspect(resource), { owner: 'bert', counter });
  },

  'acquire grants the same holder again with the same counter': async (on) => {
    const resources = [on.resource(), on.resource()];
    const counter = await on.granted({ resources });
    deepStrictEqual(await on.acquire({ resources }), { kind: 'granted', counter });
    for (const resource of resources) equal((await on.inspect(resource)).counter, counter);
  },

  'the counter goes up by one with each holder, after a release and after an expiry': async (on) => {
    const resource = on.resource();
    const first = await on.granted({ resources: [resource] });
    await on.release({ resources: [resource] });
    equal(await on.granted({ resources: [resource], holderId: 'bert', ttlMs: 20 }), first + 1);
    await on.expire(resource);
    equal(await on.granted({ resources: [resource], holderId: 'carl' }), first + 2);
  },

  'the counter goes up by as many tokens as are reserved, for one resource and for several': async (on) => {
    const resources = [on.resource(), on.resource()];
    const [one] = resources as [string, string];
    const first = await on.granted({ resources: [one] });
    await on.release({ resources });
    equal(await on.granted({ resources: [one], tokens: 7 }), first + 7);
    await on.release({ resources });
    const both = await on.granted({ resources, tokens: 5 });
    ok(both >= first + 12);
    equal(await on.granted({ resources, tokens: 5 }), both);
    await on.release({ resources });
    equal(await on.granted({ resources }), both + 1);
  },

  'the counter starts above the seed, and a counter that is there does not heed the seed': async (on) => {
    const resources = [on.resource()];
    const seed = wallUs();
    equal(await on.granted({ resources, seed }), seed + 1);
    await on.release({ resources });
    equal(await on.granted({ resources, seed: seed + 500_000 }), seed + 2);
  },

  'a seed far ahead of the time is limited to the time of the node': async (on) => {
    const counter = await on.granted({ resources: [on.resource()], seed: wallUs() + HOUR_US });
    ok(counter < wallUs() + HOUR_US / 2);
  },

  'acquire without fencing grants with counter 0 and keeps no counter': async (on) => {
    const resource = on.resource();
    equal(await on.granted({ resources: [resource], seed: undefined }), 0);
    equal((await on.inspect(resource)).counter, undefined);
  },

  'acquire grants several resources together, with one counter above that of each': async (on) => {
    const [a, b] = [on.resource(), on.resource()];
    await on.granted({ resources: [a] });
    await on.release({ resources: [a] });
    const highest = await on.granted({ resources: [b], seed: wallUs() + 300_000 });
    await on.release({ resources: [b] });
    const counter = await on.granted({ resources: [a, b] });
    equal(counter, highest + 1);
    for (const resource of [a, b]) matches(await on.inspect(resource), { owner: 'anna', counter });
  },

  ...forEachOf([0, 1, 2], (held) => ({
    [`acquire grants none of three resources if another holds number ${held + 1}`]: async (on) => {
      const resources = [on.resource(), on.resource(), on.resource()];
      const taken = resources[held]!;
      await on.granted({ resources: [taken], holderId: 'bert' });
      matches(await on.acquire({ resources }), { kind: 'refused', owner: 'bert' });
      for (const resource of resources) {
        const { owner, counter } = await on.inspect(resource);
        equal(owner, resource === taken ? 'bert' : undefined);
        if (resource !== taken) equal(counter, undefined);
      }
    },
  })),

  'acquire votes late after the deadline and writes nothing': async (on) => {
    const resource = on.resource();
    const vote = await on.acquire({ resources: [resource], deadlineAt: on.now() - 1 });
    matches(vote, { kind: 'failed', reason: 'late' });
    deepStrictEqual(await on.inspect(resource), NOTHING);
  },
};

function forEachOf<Item>(items: readonly Item[], casesOf: (item: Item) => Cases): Cases {
  return Object.assign({}, ...items.map(casesOf)) as Cases;
}
