import { deepStrictEqual, equal, ok } from 'node:assert/strict';
import { TICK_AHEAD_MS } from '../../core/run.js';
import type { RunNote } from '../../core/run-history.js';
import { matches } from './assertions.js';
import { LONG_MS, type Cases } from './operations.js';

const TICK = 1_700_000_000_000;
const mark = { tick: TICK, attempt: 1 };
const note = (rank: number, about: Partial<RunNote> = {}): RunNote => ({
  rank,
  text: `run ${rank}`,
  most: 10,
  succeededAt: undefined,
  ...about,
});

/** What a note must not change, and what every node may tell of it. */
export const noteCases: Cases = {
  'a note changes no answer to a release, and nothing that a release records': async (on) => {
    const resources = [on.resource()];
    const token = await on.granted({ resources, tick: TICK });
    await on.confirm({ resources, token, ...mark });
    matches(await on.release({ resources, holderId: 'bert', note: note(1) }), {
      kind: 'refused',
      reason: 'absent',
    });
    matches(await on.inspect(resources[0]!), { owner: 'anna', run: { ...mark, state: 'started' } });
    deepStrictEqual(await on.release({ resources, finish: mark, note: note(2) }), {
      kind: 'granted',
      counter: 0,
      recorded: true,
    });
    matches(await on.inspect(resources[0]!), { owner: undefined, run: { ...mark, state: 'finished' } });
  },
  'a note makes no counter': async (on) => {
    const resource = on.resource();
    await on.release({ resources: [resource], finish: mark, note: note(1) });
    matches(await on.inspect(resource), { owner: undefined, counter: undefined, run: undefined });
  },
};

/** What a node keeps of past runs. */
export const historyCases: Cases = {
  'a node without notes of a resource tells none': async (on) => {
    const resource = on.resource();
    deepStrictEqual(await on.history(resource), []);
    equal((await on.inspect(resource)).lastSuccess, undefined);
  },
  'notes are kept in their order, each once, whoever owns the keys': async (on) => {
    const resources = [on.resource()];
    await on.granted({ resources, holderId: 'bert' });
    for (const rank of [2, 1, 3, 2]) await on.release({ resources, note: note(rank) });
    deepStrictEqual(await on.history(resources[0]!), ['run 1', 'run 2', 'run 3']);
    deepStrictEqual(await on.history(on.resource()), []);
  },
  'no more notes are kept than the last one says: those with the highest rank': async (on) => {
    const resources = [on.resource()];
    for (const rank of [4, 5, 1, 6]) await on.release({ resources, note: note(rank, { most: 3 }) });
    deepStrictEqual(await on.history(resources[0]!), ['run 4', 'run 5', 'run 6']);
    await on.release({ resources, note: note(7, { most: 1 }) });
    deepStrictEqual(await on.history(resources[0]!), ['run 7']);
  },
  'a note without a text is not kept, and may tell a success': async (on) => {
    const resources = [on.resource()];
    await on.release({ resources, note: note(1, { text: '', most: 0, succeededAt: TICK }) });
    deepStrictEqual(await on.history(resources[0]!), []);
    equal((await on.inspect(resources[0]!)).lastSuccess, TICK);
  },
  'the latest success stays, also when later runs fail, and an earlier one comes late': async (on) => {
    const resources = [on.resource()];
    for (const succeededAt of [TICK, TICK + 5, undefined, TICK + 1])
      await on.release({ resources, finish: mark, note: note(1, { succeededAt }) });
    equal((await on.inspect(resources[0]!)).lastSuccess, TICK + 5);
  },
  'a success by a clock that is far ahead is kept as one of about now': async (on) => {
    const resource = on.resource();
    const ahead = Date.now() + TICK_AHEAD_MS + LONG_MS;
    await on.release({ resources: [resource], note: note(1, { succeededAt: ahead }) });
    const { lastSuccess = 0 } = await on.inspect(resource);
    ok(lastSuccess > TICK && lastSuccess < ahead, `it is ${lastSuccess}`);
  },
  'notes survive that the resource is acquired and released again': async (on) => {
    const resources = [on.resource()];
    await on.release({ resources, note: note(1, { succeededAt: TICK }) });
    const token = await on.granted({ resources, tick: TICK });
    await on.confirm({ resources, token, ...mark });
    await on.release({ resources, finish: mark });
    deepStrictEqual(await on.history(resources[0]!), ['run 1']);
    equal((await on.inspect(resources[0]!)).lastSuccess, TICK);
  },
};
