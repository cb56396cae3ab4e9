import { deepStrictEqual, equal, ok } from 'node:assert/strict';
import { between, matches } from './assertions.js';
import { LONG_MS, wallUs, type Cases, type Operations } from './operations.js';

/** In microseconds. */
const HOUR_US = 3_600_000_000;

const NOTHING = {
  kind: 'inspected',
  owner: undefined,
  remainingMs: 0,
  counter: undefined,
  lastTick: undefined,
};

/** What acquire must do. */
export const acquireCases: Cases = {
  'acquire grants a free resource for the time asked for, with a counter': async (on) => {
    const resource = on.resource();
    const counter = await on.granted({ resources: [resource] });
    const inspected = await on.inspect(resource);
    matches(inspected, { owner: 'anna', counter, lastTick: undefined });
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

/** What holds for the ticks on record. */
export const tickCases: Cases = {
  ...forEachOf(
    [
      ['the tick on record', 0],
      ['an earlier tick than the one on record', -1_000],
    ] as const,
    ([which, laterMs]) => ({
      [`acquire refuses ${which} as already run, to everybody, on a free resource`]: async (on) => {
        const tick = Date.now();
        const resource = await ranOn(on, tick);
        for (const holderId of ['anna', 'bert']) {
          const vote = await on.acquire({ resources: [resource], holderId, tick: tick + laterMs });
          deepStrictEqual(vote, { kind: 'refused', reason: 'already_ran' });
        }
        equal((await on.inspect(resource)).owner, undefined);
      },
    }),
  ),

  'acquire grants a later tick than the one on record, and grants without a tick': async (on) => {
    const tick = Date.now();
    const resources = [await ranOn(on, tick)];
    matches(await on.acquire({ resources, tick: tick + 1 }), { kind: 'granted' });
    await on.release({ resources });
    matches(await on.acquire({ resources }), { kind: 'granted' });
  },

  'acquire alone records no tick: a holder that dies before it confirms has not run it': async (on) => {
    const resource = on.resource();
    const tick = Date.now();
    await on.granted({ resources: [resource], tick, ttlMs: 20 });
    await on.expire(resource);
    matches(await on.acquire({ resources: [resource], holderId: 'bert', tick }), { kind: 'granted' });
  },

  'one resource that has run for the tick refuses all that are asked for with it': async (on) => {
    const ran = await ranOn(on, 1_000);
    const other = on.resource();
    deepStrictEqual(await on.acquire({ resources: [other, ran], tick: 1_000 }), {
      kind: 'refused',
      reason: 'already_ran',
    });
    equal((await on.inspect(other)).owner, undefined);
  },
};

/** Runs once for the tick, and gives the resource. */
async function ranOn(on: Operations, tick: number): Promise<string> {
  const resource = on.resource();
  const token = await on.granted({ resources: [resource], tick });
  await on.confirm({ resources: [resource], token, tick });
  await on.release({ resources: [resource] });
  return resource;
}

function forEachOf<Item>(items: readonly Item[], casesOf: (item: Item) => Cases): Cases {
  return Object.assign({}, ...items.map(casesOf)) as Cases;
}
