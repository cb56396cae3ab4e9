import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { NodeRequest } from '../../../src/node/node-request.js';
import { inspectionsIn, voteReplyIn } from '../../../src/node/postgres/replies.js';

const NOW_MS = 1_795_866_992_010;
const COUNTER = NOW_MS * 1_000;
const RUN = { tick: NOW_MS, attempt: 1, state: 'started' };
const FAILED = { kind: 'failed', reason: 'error' };
const REQUEST: NodeRequest = { op: 'wake', resources: ['a'], holderId: 'anna' };

/** The vote that comes of this answer. */
const voteOn = (answer: unknown, seen: unknown = '7@1/2/3'): unknown =>
  voteReplyIn(JSON.stringify([COUNTER, 0, [answer], seen]), [REQUEST])?.votes[0];

const ROW = { resource: 'a', holder: null, remaining: 0, counter: null, tick: null, last_success: null };
const inspectionOf = (row: object): unknown => inspectionsIn(JSON.stringify([{ ...ROW, ...row }]), ['a'])[0];

describe('an answer of a database', () => {
  it.each<[string, object]>([
    ['a grant', { kind: 'granted', counter: COUNTER, waiting: 2, attempt: 1, giverLeftMs: 5 }],
    ['a release', { kind: 'granted', counter: 0, recorded: true }],
    ['a refusal', { kind: 'refused', reason: 'held', owner: 'bert', remainingMs: 5 }],
    ['a run', { kind: 'refused', reason: 'already_ran', run: RUN }],
    ['an absence', { kind: 'refused', reason: 'absent', recorded: false }],
    ['a later holder', { kind: 'refused', reason: 'superseded', counter: COUNTER }],
  ])('is the vote that it tells: %s', (_what, answer) => {
    expect(voteOn(answer)).toEqual(answer);
  });

  it.each<[string, object]>([
    ['no counter', { kind: 'granted' }],
    ['a counter below zero', { kind: 'granted', counter: -1 }],
    ['a counter ahead of time', { kind: 'granted', counter: COUNTER * 2 }],
    ['a text for the waiting', { kind: 'granted', counter: 0, waiting: '5' }],
    ['half a life', { kind: 'granted', counter: 0, giverLeftMs: 0.5 }],
    ['an attempt below zero', { kind: 'granted', counter: 0, attempt: -3 }],
    ['a record that is a number', { kind: 'granted', counter: 0, recorded: 1 }],
    ['no reason', { kind: 'refused' }],
    ['a reason that is none', { kind: 'refused', reason: 'asleep' }],
    ['no owner', { kind: 'refused', reason: 'held', owner: null, remainingMs: 5 }],
    ['a life below zero', { kind: 'refused', reason: 'held', owner: 'bert', remainingMs: -5 }],
    ['no run', { kind: 'refused', reason: 'already_ran' }],
    ['a run without a state', { kind: 'refused', reason: 'already_ran', run: { ...RUN, state: null } }],
    ['a tick above all numbers', { kind: 'refused', reason: 'already_ran', run: { ...RUN, tick: 2 ** 60 } }],
    ['no later counter', { kind: 'refused', reason: 'superseded' }],
  ])('is a failed vote with %s', (_what, answer) => {
    expect(voteOn(answer)).toMatchObject(FAILED);
  });

  it('is none, if the node would fail at what it says was seen of it', () => {
    const granted = { kind: 'granted', counter: 0 };
    expect(voteOn(granted)).toEqual(granted);
    for (const seen of ['', 'zz@1/2/3', `${10n ** 19n}@1/2/3`, '-7@1/2/3', 7, null])
      expect(voteOn(granted, seen)).toBeUndefined();
  });

  it('is a vote or none, whatever it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom('granted', 'refused', 'error'), (value, kind) => {
        for (const answer of [value, { kind, ...(value as object) }])
          expect(['granted', 'refused', 'failed']).toContain((voteOn(answer) as { kind: string }).kind);
        expect(inspectionsIn(JSON.stringify(value), ['a'])).toHaveLength(1);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a row of a database', () => {
  it('is what it tells, and a missing one says that there is nothing', () => {
    const { tick, ...rest } = RUN;
    const row = { holder: 'anna', remaining: 5, counter: COUNTER, tick, ...rest, last_success: NOW_MS };
    expect(inspectionOf(row)).toEqual({
      ...{ kind: 'inspected', owner: 'anna', remainingMs: 5, counter: COUNTER },
      ...{ run: RUN, lastSuccess: NOW_MS },
    });
    for (const none of ['{}', 'null', '', '{'])
      expect(inspectionsIn(none, ['b'])).toEqual([expect.objectContaining(FAILED)]);
    expect(inspectionsIn('[]', ['b'])).toEqual([{ kind: 'inspected', remainingMs: 0 }]);
    // Written by hand, for ever.
    expect(inspectionOf({ holder: 'anna', remaining: 9.2e15 })).toMatchObject({
      remainingMs: Number.MAX_SAFE_INTEGER,
    });
  });

  it.each<[string, object]>([
    ['a counter above all numbers', { counter: 2 ** 60 }],
    ['a counter below zero', { counter: -5 }],
    ['a tick below zero', { ...RUN, tick: -5 }],
    ['an attempt that is missing', { ...RUN, attempt: null }],
    ['a state that is none', { ...RUN, state: 'zz' }],
    ['a success that is a text', { last_success: '5' }],
    ['no life', { holder: 'anna', remaining: null }],
  ])('is an error with %s', (_what, row) => {
    expect(inspectionOf(row)).toMatchObject(FAILED);
  });
});
