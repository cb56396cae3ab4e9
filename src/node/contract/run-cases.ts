import { deepStrictEqual, equal } from 'node:assert/strict';
import type { RunRecord } from '../../core/run.js';
import { TICK_AHEAD_MS } from '../../core/run.js';
import { matches } from './assertions.js';
import { LONG_MS, type Cases, type Operations } from './operations.js';

const TICK = 1_790_000_000_000;

const alreadyRan = (run: RunRecord): object => ({ kind: 'refused', reason: 'already_ran', run });
const started: RunRecord = { tick: TICK, attempt: 1, state: 'started' };
const finished: RunRecord = { tick: TICK, attempt: 1, state: 'finished' };
const mark = { tick: TICK, attempt: 1 };

/** Which claims of a tick are granted, by what is on record. */
export const tickCases: Cases = {
  'acquire refuses the tick on record and an earlier one as already run, to everybody': async (on) => {
    const resource = await ranOn(on);
    for (const tick of [TICK, TICK - 1_000]) {
      for (const holderId of ['anna', 'bert']) {
        const vote = await on.acquire({ resources: [resource], holderId, tick });
        deepStrictEqual(vote, alreadyRan(finished));
      }
    }
    equal((await on.inspect(resource)).owner, undefined);
  },
  'acquire grants a later tick than the one on record, and grants without a tick': async (on) => {
    const resources = [await ranOn(on)];
    const vote = await on.acquire({ resources, tick: TICK + 1 });
    matches(vote, { kind: 'granted' });
    equal(vote.kind === 'granted' ? vote.attempt : 0, undefined);
    await on.release({ resources });
    matches(await on.acquire({ resources }), { kind: 'granted' });
  },
  'acquire alone records no tick: a holder that dies before it confirms has not run it': async (on) => {
    const resource = on.resource();
    await on.granted({ resources: [resource], tick: TICK, ttlMs: 20 });
    await on.expire(resource);
    matches(await on.acquire({ resources: [resource], holderId: 'bert', tick: TICK }), { kind: 'granted' });
  },
  'one resource that has run for the tick refuses all that are asked for with it': async (on) => {
    const ran = await ranOn(on);
    const other = on.resource();
    deepStrictEqual(await on.acquire({ resources: [other, ran], tick: TICK }), alreadyRan(finished));
    equal((await on.inspect(other)).owner, undefined);
  },
  'a tick that is held is refused as held, whatever is on record, also to a retry': async (on) => {
    const resources = [await startedOn(on)];
    for (const retry of [false, true]) {
      const vote = await on.acquire({ resources, holderId: 'bert', tick: TICK, retry });
      matches(vote, { kind: 'refused', reason: 'held', owner: 'anna' });
    }
  },
  'a tick that was started is refused to an ordinary claim, and granted to a retry': async (on) => {
    const resources = [await startedOn(on)];
    await on.release({ resources });
    deepStrictEqual(await on.acquire({ resources, tick: TICK }), alreadyRan(started));
    matches(await on.acquire({ resources, tick: TICK, retry: true }), { kind: 'granted', attempt: 1 });
  },
  'a finished tick, and one before a later tick, are refused to a retry': async (on) => {
    const resources = [await ranOn(on)];
    for (const tick of [TICK, TICK - 1_000])
      deepStrictEqual(await on.acquire({ resources, tick, retry: true }), alreadyRan(finished));
  },
  'a tick far ahead of the time fails the vote, and nothing is written': async (on) => {
    const resource = on.resource();
    const tick = Date.now() + TICK_AHEAD_MS + LONG_MS;
    matches(await on.acquire({ resources: [resource], tick }), { kind: 'failed', reason: 'error' });
    matches(await on.inspect(resource), { owner: undefined, counter: undefined });
  },
};

/** What is on record of a run, from its start to its end. */
export const runCases: Cases = {
  'confirm records the start of the attempt, and never lowers its number': async (on) => {
    const resource = await startedOn(on, 3);
    deepStrictEqual((await on.inspect(resource)).run, { ...started, attempt: 3 });
    const { counter = 0 } = await on.inspect(resource);
    matches(await on.confirm({ resources: [resource], token: counter, ...mark, attempt: 2 }), {
      kind: 'granted',
    });
    deepStrictEqual((await on.inspect(resource)).run, { ...started, attempt: 3 });
  },
  'confirm of a finished tick, and of one before a later tick, is refused': async (on) => {
    const resources = [await ranOn(on)];
    const token = await on.granted({ resources });
    for (const tick of [TICK, TICK - 1_000]) {
      const vote = await on.confirm({ resources, token, tick, attempt: 2 });
      deepStrictEqual(vote, alreadyRan(finished));
    }
    deepStrictEqual((await on.inspect(resources[0]!)).run, finished);
  },
  'a release that finishes the run records its end, and tells so': async (on) => {
    const resources = [await startedOn(on)];
    deepStrictEqual(await on.release({ resources, finish: mark }), {
      kind: 'granted',
      counter: 0,
      recorded: true,
    });
    matches(await on.inspect(resources[0]!), { owner: undefined, run: finished });
  },
  "the end of a run is recorded without the key, and beside another's, and twice": async (on) => {
    const resources = [await startedOn(on)];
    await on.release({ resources });
    await on.granted({ resources, holderId: 'bert' });
    for (let i = 0; i < 2; i++) {
      const vote = await on.release({ resources, finish: mark });
      deepStrictEqual(vote, { kind: 'refused', reason: 'absent', recorded: true });
    }
    matches(await on.inspect(resources[0]!), { owner: 'bert', run: finished });
  },
  'the end of a run is recorded where its start is not': async (on) => {
    const resources = [on.resource()];
    const counter = await on.granted({ resources });
    const vote = await on.release({ resources, holderId: 'bert', finish: { tick: TICK, attempt: 2 } });
    deepStrictEqual(vote, { kind: 'refused', reason: 'absent', recorded: true });
    matches(await on.inspect(resources[0]!), { owner: 'anna', counter, run: { ...finished, attempt: 2 } });
  },
  'the end of a run is not recorded over a later attempt, and need not be over a later tick': async (on) => {
    const resources = [await startedOn(on, 2)];
    matches(await on.release({ resources, holderId: 'bert', finish: mark }), { recorded: false });
    deepStrictEqual((await on.inspect(resources[0]!)).run, { ...started, attempt: 2 });
    const earlier = { tick: TICK - 1_000, attempt: 5 };
    matches(await on.release({ resources, holderId: 'bert', finish: earlier }), { recorded: true });
    deepStrictEqual((await on.inspect(resources[0]!)).run, { ...started, attempt: 2 });
  },
  'a node without a counter of the resource records no end, and makes none': async (on) => {
    const resource = on.resource();
    const vote = await on.release({ resources: [resource], finish: mark });
    deepStrictEqual(vote, { kind: 'refused', reason: 'absent', recorded: false });
    matches(await on.inspect(resource), { counter: undefined, run: undefined });
  },
  'a run that is taken back opens its tick to everybody, and keeps the number of its attempt': async (on) => {
    const resources = [await startedOn(on)];
    deepStrictEqual(await on.release({ resources, open: mark }), { kind: 'granted', counter: 0 });
    matches(await on.inspect(resources[0]!), { owner: undefined, run: { ...mark, state: 'open' } });
    const vote = await on.acquire({ resources, holderId: 'bert', tick: TICK });
    matches(vote, { kind: 'granted', attempt: 1 });
  },
  "nobody takes back another's run, another attempt, or one that has ended": async (on) => {
    const resources = [await startedOn(on, 2)];
    matches(await on.release({ resources, holderId: 'bert', open: { ...mark, attempt: 2 } }), {
      reason: 'absent',
    });
    deepStrictEqual((await on.inspect(resources[0]!)).run, { ...started, attempt: 2 });
    await on.release({ resources, open: mark });
    deepStrictEqual((await on.inspect(resources[0]!)).run, { ...started, attempt: 2 });
    await on.release({ resources, finish: { ...mark, attempt: 2 } });
    await on.granted({ resources });
    await on.release({ resources, open: { ...mark, attempt: 2 } });
    deepStrictEqual((await on.inspect(resources[0]!)).run, { ...finished, attempt: 2 });
  },
  'a confirm that comes after its run was taken back does not bring it back': async (on) => {
    const resources = [await startedOn(on)];
    const { counter = 0 } = await on.inspect(resources[0]!);
    await on.release({ resources, open: mark });
    matches(await on.confirm({ resources, token: counter, ...mark }), { kind: 'refused', reason: 'absent' });
    deepStrictEqual((await on.inspect(resources[0]!)).run, { ...mark, state: 'open' });
  },
};

/** Starts an attempt to run the tick, and gives the resource. */
async function startedOn(on: Operations, attempt = 1): Promise<string> {
  const resource = on.resource();
  const token = await on.granted({ resources: [resource], tick: TICK });
  await on.confirm({ resources: [resource], token, tick: TICK, attempt });
  return resource;
}

/** Runs the tick to its end, and gives the resource. */
async function ranOn(on: Operations): Promise<string> {
  const resource = await startedOn(on);
  await on.release({ resources: [resource], finish: mark });
  return resource;
}
