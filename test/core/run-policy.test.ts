import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  afterRefusal,
  dueRun,
  firstOpenTick,
  latestStartMs,
  runLeft,
  type DueRun,
  type NextStep,
  type RunPolicy,
  type RunRefusal,
  type TickSchedule,
} from '../../src/core/run-policy.js';
import type { RunRecord } from '../../src/core/run.js';
import { naiveDueRun } from './run-policy-naive.js';

const HOUR = 3_600_000;
const TODAY: RunPolicy = {
  missed: 'skip',
  maxLatenessMs: undefined,
  abandoned: 'leave',
  attempts: 1,
  overlap: 'skip',
  spreadMs: 0,
};
const ONCE: RunPolicy = { ...TODAY, missed: 'once' };
const RETRY: RunPolicy = { ...TODAY, abandoned: 'retry', attempts: 2 };

const scheduleOf = (ticks: readonly number[]): TickSchedule => ({
  latest: (at) => ticks.filter((tick) => tick <= at).at(-1),
  next: (after) => ticks.find((tick) => tick > after),
});

const HOURLY = scheduleOf(Array.from({ length: 24 }, (_, hour) => hour * HOUR));
const known = (hour: number, state: RunRecord['state'], attempt = 1): RunRecord => ({
  tick: hour * HOUR,
  attempt,
  state,
});
const run = (hour: number, why: 'missed' | 'abandoned'): DueRun => ({ kind: 'run', tick: hour * HOUR, why });

describe('a look at what is due', () => {
  it.each<[string, number, RunRecord | undefined, RunPolicy, DueRun]>([
    ['nothing on a first deployment', 3.1, undefined, ONCE, { kind: 'nothing', why: 'first_deployment' }],
    [
      'nothing where the latest tick has run',
      3.1,
      known(3, 'finished'),
      ONCE,
      { kind: 'nothing', why: 'finished' },
    ],
    [
      'nothing where a clock ahead has run a later one',
      3.1,
      known(4, 'started'),
      ONCE,
      { kind: 'nothing', why: 'later_tick' },
    ],
    ['the missed tick, late', 3.5, known(2, 'finished'), ONCE, run(3, 'missed')],
    ['of three missed ticks the latest, never a backlog', 6.25, known(3, 'finished'), ONCE, run(6, 'missed')],
    [
      'no tick that is later than half the distance',
      3.51,
      known(2, 'finished'),
      ONCE,
      { kind: 'missed', tick: 3 * HOUR, why: 'too_late' },
    ],
    [
      'a tick within maxLateness',
      3.9,
      known(2, 'finished'),
      { ...ONCE, maxLatenessMs: HOUR },
      run(3, 'missed'),
    ],
    [
      'no missed tick with skip',
      3.5,
      known(2, 'finished'),
      TODAY,
      { kind: 'missed', tick: 3 * HOUR, why: 'policy' },
    ],
    [
      'nothing while another worker may be about to start it',
      3 + 1 / 120,
      known(2, 'finished'),
      TODAY,
      { kind: 'nothing', why: 'may_still_run' },
    ],
    [
      'nothing within the spread',
      3.2,
      known(2, 'finished'),
      { ...TODAY, spreadMs: HOUR / 4 },
      { kind: 'nothing', why: 'may_still_run' },
    ],
    ['a tick whose start was taken back', 3.2, known(3, 'open'), ONCE, run(3, 'missed')],
    ['the abandoned tick, with retry', 3.2, known(3, 'started'), RETRY, run(3, 'abandoned')],
    [
      'not the abandoned tick, with leave',
      3.2,
      known(3, 'started'),
      ONCE,
      { kind: 'abandoned', tick: 3 * HOUR, why: 'policy' },
    ],
    [
      'not beyond the attempts',
      3.2,
      known(3, 'started', 2),
      RETRY,
      { kind: 'abandoned', tick: 3 * HOUR, why: 'attempts' },
    ],
    ['not too late', 3.9, known(3, 'started'), RETRY, { kind: 'abandoned', tick: 3 * HOUR, why: 'too_late' }],
    [
      'the missed tick rather than the abandoned one before it',
      3.2,
      known(2, 'started'),
      { ...RETRY, missed: 'once', maxLatenessMs: 2 * HOUR },
      run(3, 'missed'),
    ],
    [
      'an abandoned tick before one that is skipped',
      3.2,
      known(2, 'started'),
      { ...RETRY, maxLatenessMs: 2 * HOUR },
      run(2, 'abandoned'),
    ],
  ])('%s', (_, hour, record, policy, expected) => {
    expect(dueRun(hour * HOUR, HOURLY, record, policy)).toEqual(expected);
  });

  it('is nothing where the schedule has no tick by then, or none at all', () => {
    expect(dueRun(5, scheduleOf([6]), known(0, 'finished'), ONCE)).toEqual({
      kind: 'nothing',
      why: 'not_due',
    });
    expect(dueRun(5, scheduleOf([]), undefined, ONCE)).toEqual({ kind: 'nothing', why: 'not_due' });
  });

  it('bounds the last tick of a schedule only by maxLateness', () => {
    expect(latestStartMs(7, undefined, ONCE)).toBe(Number.POSITIVE_INFINITY);
    expect(latestStartMs(7, undefined, { ...ONCE, maxLatenessMs: 5 })).toBe(12);
    expect(latestStartMs(7, 12, ONCE)).toBe(9);
  });
});

const policies: fc.Arbitrary<RunPolicy> = fc.record({
  missed: fc.constantFrom<RunPolicy['missed']>('skip', 'once'),
  maxLatenessMs: fc.option(fc.integer({ min: 0, max: 300_000 }), { nil: undefined }),
  abandoned: fc.constantFrom<RunPolicy['abandoned']>('leave', 'retry'),
  attempts: fc.integer({ min: 1, max: 3 }),
  overlap: fc.constantFrom<RunPolicy['overlap']>('skip', 'wait'),
  spreadMs: fc.integer({ min: 0, max: 60_000 }),
});
const states = fc.constantFrom<RunRecord['state']>('started', 'finished', 'open');
const times = fc.integer({ min: 0, max: 600_000 });
const tickLists = fc.uniqueArray(times, { maxLength: 8 }).map((ticks) => ticks.sort((a, b) => a - b));

/** A record of one of the ticks, or of another time: a schedule may have been changed. */
const records = (ticks: readonly number[]): fc.Arbitrary<RunRecord | undefined> =>
  fc.option(
    fc.record({
      tick: ticks.length === 0 ? times : fc.oneof(fc.constantFrom(...ticks), times),
      attempt: fc.integer({ min: 0, max: 3 }),
      state: states,
    }),
    { nil: undefined },
  );

const looks = tickLists.chain((ticks) =>
  fc.record({ nowMs: times, ticks: fc.constant(ticks), record: records(ticks), policy: policies }),
);

describe('all looks', () => {
  it('decide like the second implementation', () => {
    fc.assert(
      fc.property(looks, ({ nowMs, ticks, record, policy }) => {
        expect(dueRun(nowMs, scheduleOf(ticks), record, policy)).toEqual(
          naiveDueRun(nowMs, ticks, record, policy),
        );
      }),
      { numRuns: 5_000 },
    );
  });

  it('at a holder tell of the run on record what a look tells where that is the latest, and run nothing', () => {
    fc.assert(
      fc.property(looks, ({ nowMs, ticks, record, policy }) => {
        const schedule = scheduleOf(ticks);
        const left = runLeft(nowMs, schedule, record, policy);
        if (record?.state !== 'started') return expect(left).toBeUndefined();
        const due = dueRun(nowMs, schedule, record, policy);
        if (policy.abandoned === 'leave')
          expect(left).toEqual({ kind: 'abandoned', tick: record.tick, why: 'policy' });
        else if (record.tick === schedule.latest(nowMs))
          expect(left).toEqual(due.kind === 'abandoned' ? due : undefined);
      }),
    );
  });

  it('run no tick that has ended, none before one that is on record, none too late, and none twice', () => {
    fc.assert(
      fc.property(looks, ({ nowMs, ticks, record, policy }) => {
        const schedule = scheduleOf(ticks);
        const decision = dueRun(nowMs, schedule, record, policy);
        if (decision.kind !== 'run') return;
        const { tick, why } = decision;
        expect(record).toBeDefined();
        expect(tick).toBeGreaterThanOrEqual(record!.tick);
        expect(tick).toBeLessThanOrEqual(nowMs);
        expect(nowMs).toBeLessThanOrEqual(latestStartMs(tick, schedule.next(tick), policy));
        if (why === 'missed') expect(policy.missed).toBe('once');
        if (why === 'abandoned') expect(policy.abandoned).toBe('retry');
        const ended = { tick, attempt: 1, state: 'finished' } as const;
        expect(dueRun(nowMs, schedule, ended, policy).kind).not.toBe('run');
      }),
      { numRuns: 5_000 },
    );
  });

  it('with the policies of version 0.1 run nothing', () => {
    fc.assert(
      fc.property(looks, ({ nowMs, ticks, record }) => {
        expect(dueRun(nowMs, scheduleOf(ticks), record, TODAY).kind).not.toBe('run');
      }),
    );
  });
});

const T = 3 * HOUR;
const held = (runs: 'this_tick' | 'something_else'): RunRefusal => ({ kind: 'held', runs });
const ran = (hour: number, state: RunRecord['state'], attempt = 1): RunRefusal => ({
  kind: 'already_ran',
  known: known(hour, state, attempt),
});
const stop = (why: Extract<NextStep, { kind: 'stop' }>['why']): NextStep => ({ kind: 'stop', why });
const WAIT: RunPolicy = { ...TODAY, overlap: 'wait' };

describe('what follows a refusal', () => {
  it.each<[string, RunRefusal, boolean, RunPolicy, NextStep]>([
    ['another worker runs the tick', held('this_tick'), true, TODAY, stop('held')],
    ['the same, with overlap wait', held('this_tick'), true, WAIT, stop('held')],
    ['the same, with retry', held('this_tick'), true, RETRY, { kind: 'wait', retry: true }],
    ['the same, too late', held('this_tick'), false, RETRY, stop('too_late')],
    ['an earlier tick still runs', held('something_else'), true, TODAY, stop('overlap')],
    ['the same, with retry', held('something_else'), true, RETRY, stop('overlap')],
    ['the same, with overlap wait', held('something_else'), true, WAIT, { kind: 'wait', retry: false }],
    [
      'the same, with both',
      held('something_else'),
      true,
      { ...RETRY, overlap: 'wait' },
      { kind: 'wait', retry: true },
    ],
    ['the same, too late', held('something_else'), false, WAIT, stop('too_late')],
    ['the tick has ended', ran(3, 'finished'), true, RETRY, stop('finished')],
    ['version 0.1 ran it', { kind: 'already_ran', known: undefined }, true, RETRY, stop('finished')],
    ['a later tick was started', ran(4, 'started'), true, RETRY, stop('later_tick')],
    ['it was abandoned', ran(3, 'started'), true, TODAY, stop('abandoned')],
    ['it was abandoned, with retry', ran(3, 'started'), true, RETRY, { kind: 'retry' }],
    ['the attempts are used up', ran(3, 'started', 2), true, RETRY, stop('attempts')],
    ['it was abandoned, and is too late', ran(3, 'started'), false, RETRY, stop('too_late')],
    ['no majority', { kind: 'no_majority' }, true, TODAY, { kind: 'fail' }],
    ['no majority, with once', { kind: 'no_majority' }, true, ONCE, { kind: 'again' }],
    ['no majority, too late', { kind: 'no_majority' }, false, ONCE, { kind: 'fail' }],
    ['the nodes have forgotten it', { kind: 'forgotten' }, true, ONCE, { kind: 'fail' }],
    ['the nodes have forgotten it, with retry', { kind: 'forgotten' }, true, RETRY, { kind: 'fail' }],
  ])('%s', (_, refusal, isInTime, policy, expected) => {
    expect(afterRefusal(T, refusal, isInTime, policy)).toEqual(expected);
  });

  it('with the policies of version 0.1 nobody asks again', () => {
    const refusals: fc.Arbitrary<RunRefusal> = fc.oneof(
      fc.constantFrom(held('this_tick'), held('something_else'), { kind: 'no_majority' } as const),
      fc.record({ kind: fc.constant('already_ran' as const), known: records([T]) }),
    );
    fc.assert(
      fc.property(refusals, fc.boolean(), (refusal, isInTime) => {
        expect(['stop', 'fail']).toContain(afterRefusal(T, refusal, isInTime, TODAY).kind);
      }),
    );
  });

  it('nobody asks again for what has ended, nor beyond the attempts, nor too late', () => {
    fc.assert(
      fc.property(records([T]), policies, fc.boolean(), (record, policy, isInTime) => {
        const step = afterRefusal(T, { kind: 'already_ran', known: record }, isInTime, policy);
        if (step.kind === 'stop') return;
        expect(isInTime).toBe(true);
        expect(record?.state).not.toBe('finished');
        expect(record!.attempt).toBeLessThan(policy.attempts);
        expect(policy.abandoned).toBe('retry');
      }),
    );
  });
});

describe('the first tick that has not run to its end', () => {
  const ticks = scheduleOf([HOUR, 2 * HOUR, 3 * HOUR]);
  const record = (tick: number, state: RunRecord['state']): RunRecord => ({ tick, attempt: 1, state });

  it.each<[string, RunRecord | undefined, number | undefined]>([
    ['the next one, where the nodes know nothing', undefined, 3 * HOUR],
    ['the one after the last that ended, though it is past', record(HOUR, 'finished'), 2 * HOUR],
    ['the one that was started and did not end', record(HOUR, 'started'), HOUR],
    ['the one that was opened again', record(2 * HOUR, 'open'), 2 * HOUR],
    ['none, when the schedule has ended', record(3 * HOUR, 'finished'), undefined],
  ])('is %s', (_, last, expected) => {
    expect(firstOpenTick(2.5 * HOUR, ticks, last)).toBe(expected);
  });
});
