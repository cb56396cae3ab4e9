import { describe, expect, it } from '@jest/globals';
import type { Vote } from '../../src/core/vote.js';
import { attemptAfter, isTickForgotten, refusedRun } from '../../src/core/run-votes.js';
import {
  finishAnswer,
  isTakenBack,
  laterRun,
  refusesRun,
  type RunRecord,
  type RunState,
} from '../../src/core/run.js';

const TICK = 1_000;
const of = (state: RunState, attempt = 1, tick = TICK): RunRecord => ({ tick, attempt, state });

describe('refusesRun', () => {
  it.each<[string, RunRecord | undefined, ordinary: boolean, retry: boolean]>([
    ['nothing on record', undefined, false, false],
    ['an earlier tick', of('finished', 1, TICK - 1), false, false],
    ['an earlier tick that was started', of('started', 1, TICK - 1), false, false],
    ['a later tick', of('started', 1, TICK + 1), true, true],
    ['a later tick that is open', of('open', 1, TICK + 1), true, true],
    ['the tick, finished', of('finished'), true, true],
    ['the tick, started', of('started'), true, false],
    ['the tick, open', of('open'), false, false],
  ])('%s', (_what, record, ordinary, retry) => {
    expect(refusesRun(record, TICK, false)).toBe(ordinary);
    expect(refusesRun(record, TICK, true)).toBe(retry);
  });
});

describe('finishAnswer', () => {
  const mark = { tick: TICK, attempt: 2 };
  it.each<[string, RunRecord | undefined, ReturnType<typeof finishAnswer>]>([
    ['nothing on record', undefined, 'write'],
    ['an earlier tick', of('started', 7, TICK - 1), 'write'],
    ['an earlier attempt', of('started', 1), 'write'],
    ['the same attempt', of('started', 2), 'write'],
    ['the same attempt, open', of('open', 2), 'write'],
    ['a later attempt', of('started', 3), 'refuse'],
    ['a later attempt, open', of('open', 3), 'refuse'],
    ['a later attempt, finished', of('finished', 3), 'known'],
    ['a later tick', of('started', 1, TICK + 1), 'known'],
  ])('%s', (_what, record, answer) => {
    expect(finishAnswer(record, mark)).toBe(answer);
  });
});

it.each<[string, RunRecord | undefined, boolean]>([
  ['the attempt on record', of('started', 2), true],
  ['another attempt', of('started', 1), false],
  ['an attempt that has ended', of('finished', 2), false],
  ['an attempt that is open', of('open', 2), false],
  ['another tick', of('started', 2, TICK + 1), false],
  ['nothing', undefined, false],
])('a take-back opens its tick where this is on record: %s', (_what, record, isOpened) => {
  expect(isTakenBack(record, { tick: TICK, attempt: 2 })).toBe(isOpened);
});

describe('laterRun', () => {
  /** From the one that says least. */
  const ordered = [
    undefined,
    of('finished', 9, TICK - 1),
    of('open', 9),
    of('started', 1),
    of('started', 2),
    of('finished', 1),
    of('open', 1, TICK + 1),
  ];

  it('is the later tick, then the ended run, then the later attempt', () => {
    for (const [at, one] of ordered.entries())
      for (const [otherAt, other] of ordered.entries())
        expect(laterRun(one, other)).toBe(at >= otherAt ? one : other);
  });
});

describe('the votes of a round', () => {
  it('allow the attempt after the highest that a counted grant knows of', () => {
    expect(attemptAfter([{ kind: 'granted', counter: 5 }])).toBe(1);
    const grants = [2, 4, 3].map((attempt) => ({ kind: 'granted' as const, counter: 5, attempt }));
    expect(attemptAfter(grants)).toBe(5);
  });

  it('tell of a refused tick what any node has on record', () => {
    const refused = (run: RunRecord) => ({ kind: 'refused' as const, reason: 'already_ran' as const, run });
    const held = { kind: 'refused' as const, reason: 'held' as const, owner: 'a' };
    expect(refusedRun([refused(of('started', 3)), undefined, held, refused(of('finished', 2))])).toEqual(
      of('finished', 2),
    );
    expect(refusedRun([held, undefined])).toBeUndefined();
  });
});

describe('a tick that cannot get a majority any more', () => {
  const forgotten: Vote = {
    ...{ kind: 'failed', reason: 'error', cause: new Error('too young') },
    forgotten: true,
  };
  const granted: Vote = { kind: 'granted', counter: 1 };
  const away: Vote = { kind: 'failed', reason: 'unreachable', cause: new Error('refused') };

  it.each<[string, (Vote | undefined)[], boolean]>([
    ['two of three nodes have forgotten it', [forgotten, undefined, forgotten], true],
    ['one of three has', [forgotten, granted, granted], false],
    ['one of three has, and another is away', [forgotten, away, granted], false],
    ['two of five have', [forgotten, forgotten, away, away, granted], false],
    ['three of five have', [forgotten, forgotten, forgotten, granted, granted], true],
    ['the only node has', [forgotten], true],
    ['nobody was asked', [], false],
  ])('%s', (_what, votes, expected) => {
    expect(isTickForgotten(votes)).toBe(expected);
  });
});
