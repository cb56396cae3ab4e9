import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TICK_FORGOTTEN } from '../../../../src/core/run.js';
import { findingIn } from '../../../../src/node/server/finding.js';
import { historyFrom, inspectionsIn, votesIn } from '../../../../src/node/redis/protocol/replies.js';
import {
  historyOperation,
  inspectOperation,
  RequestEncoder,
} from '../../../../src/node/redis/protocol/requests.js';
import type { Operation } from '../../../../src/node/redis/protocol/script-call.js';

const NOW_US = 1_795_866_992_010_000;
const SEED = 1_795_866_992_000_000;

/** Acquisitions that name the seed. */
const acquisitions = (count: number): Operation[] =>
  Array.from({ length: count }, (_, at) =>
    new RequestEncoder().operationOf('lock:', {
      op: 'acquire',
      resources: ['a'],
      holderId: `holder-${at}`,
      ttlMs: 30_000,
      deadlineAt: 250,
      seed: SEED,
      tick: undefined,
      tokens: 1,
    }),
  );

const votes = (count: number, ...answers: readonly unknown[]) =>
  votesIn([NOW_US, 0, ...answers], acquisitions(count));

const granted = (above: number) => ({ kind: 'granted', counter: SEED + above });
const error = { kind: 'failed', reason: 'error' };

describe('the answers in a reply', () => {
  it('are one for each operation, whether zeros are told one by one or by their number', () => {
    const held = { kind: 'refused', reason: 'held', owner: 'owner', remainingMs: 10 };
    expect(votes(8, ['zeros', 3], ['held', 'owner', 10], 0, 5, ['zeros', 2])).toEqual([
      ...[granted(0), granted(0), granted(0)],
      held,
      ...[granted(0), granted(5), granted(0), granted(0)],
    ]);
  });

  it.each<[string, readonly unknown[], object]>([
    ['a grant', [-1_000_000], granted(-1_000_000)],
    ['a grant that others wait for', [['granted', 7, 2]], { ...granted(7), waiting: 2 }],
    [
      'a grant of a tick that was started before',
      [['granted', 7, '', 2]],
      { kind: 'granted', counter: SEED + 7, attempt: 2 },
    ],
    [
      'a grant of such a tick that others wait for',
      [['granted', 7, 3, 2]],
      { kind: 'granted', counter: SEED + 7, waiting: 3, attempt: 2 },
    ],
    [
      'the tick of somebody',
      [['already ran', 7_000, 1, 'started']],
      { kind: 'refused', reason: 'already_ran', run: { tick: 7_000, attempt: 1, state: 'started' } },
    ],
    ['the end of a run', [['released', 0, 1]], { kind: 'granted', counter: 0, recorded: true }],
    [
      'the end of a run that another process heard of',
      [['released', 1, 0]],
      { kind: 'granted', counter: 0, waiting: 1, recorded: false },
    ],
    [
      'the end of a run whose keys are gone',
      [['absent', 0, 1]],
      { kind: 'refused', reason: 'absent', recorded: true },
    ],
    ['a key that is gone', [['absent']], { kind: 'refused', reason: 'absent' }],
    [
      'a later counter',
      [['superseded', SEED + 9]],
      { kind: 'refused', reason: 'superseded', counter: SEED + 9 },
    ],
    [
      'a key without an end',
      [['held', 'o', -1]],
      { kind: 'refused', reason: 'held', owner: 'o', remainingMs: 0 },
    ],
    ['a key set again', [['restored']], { kind: 'failed', reason: 'restored' }],
    ['what was late', ['late'], { kind: 'failed', reason: 'late' }],
    [
      'a tick that the node may have forgotten',
      [['error', TICK_FORGOTTEN]],
      { kind: 'failed', reason: 'error', forgotten: true },
    ],
    ['what went wrong', [['error', 'OOM']], { ...error, cause: new Error('OOM') }],
  ])('tell %s', (_what, answers, vote) => {
    expect(votes(1, ...answers)).toMatchObject([vote]);
  });

  it('fail where the attempt on record leaves no number for the next one, and name the resource', () => {
    const [last, beyond] = [2, 1].map((less) => votes(1, ['granted', 7, '', 2 ** 31 - less]));
    expect(last).toMatchObject([{ kind: 'granted', attempt: 2 ** 31 - 2 }]);
    const cause = { message: expect.stringContaining('the attempt on record for the tick of a is higher') };
    expect(beyond).toMatchObject([{ ...error, cause }]);
  });

  it.each<[string, readonly unknown[]]>([
    ['none', []],
    ['one too few', [0, 0]],
    ['one too many', [0, 0, 0, 0]],
    ['more zeros than operations', [['zeros', 4]]],
    ['a billion zeros', [['zeros', 1e9]]],
    ['fewer than no zeros', [['zeros', -1], 0, 0, 0]],
    ['half a zero', [0, 0, ['zeros', 0.5]]],
  ])('are none where there are %s, and nothing is made of them', (_what, answers) => {
    expect(votes(3, ...answers)).toMatchObject(
      answers.length === 3 ? [granted(0), granted(0), error] : [error, error, error],
    );
  });

  it.each<[string, unknown]>([
    ['not a number', Number.NaN],
    ['without end', Number.POSITIVE_INFINITY],
    ['a fraction', 0.5],
    ['negative', -SEED - 1],
    ['too large to be told from its neighbours', Number.MAX_SAFE_INTEGER],
    ['a text', '5'],
    ['nothing', null],
  ])('are errors where a number is %s, whatever it stands for', (_what, number) => {
    const answers = [
      number,
      ['granted', number, 0],
      ['granted', 0, number === Number.MAX_SAFE_INTEGER ? -1 : number],
      ['superseded', number === Number.MAX_SAFE_INTEGER ? 2 ** 53 : number],
      ['granted', 0, '', number],
      ['already ran', 7_000, number, 'started'],
      ['already ran', number === Number.MAX_SAFE_INTEGER ? 2 ** 53 : number, 1, 'started'],
      ['released', number === Number.MAX_SAFE_INTEGER ? 2 ** 53 : number, 1],
    ];
    expect(votes(answers.length, ...answers)).toMatchObject(answers.map(() => error));
    const isTime = typeof number === 'number' && Number.isSafeInteger(number);
    expect(votes(1, ['held', 'owner', number])).toMatchObject(isTime ? [{ kind: 'refused' }] : [error]);
  });

  it.each<[string, unknown]>([
    ['a list of an unknown kind', ['taken', 'x']],
    ['a list in a list', [['held', 'x', 1]]],
    ['an owner that is no text', ['held', 5, 1]],
    ['a run in no state', ['already ran', 7_000, 1, 'paused']],
    ['a tick of nobody', ['already ran']],
    ['an object', { held: 'x' }],
  ])('are errors where there is %s', (_what, answer) => {
    expect(votes(1, answer)).toMatchObject([error]);
  });
});

describe('inspections', () => {
  const inspections = (...answers: readonly unknown[]) =>
    inspectionsIn(
      [NOW_US, 0, ...answers],
      answers.map(() => inspectOperation('lock:', 'a')),
    );

  it('tell what there is', () => {
    expect(
      inspections(
        ['inspected', 'o', 10, SEED, 7_000, 1, 'open', 6_000],
        ['inspected', '', 0, '', '', 0, '', ''],
      ),
    ).toEqual([
      {
        ...{ kind: 'inspected', owner: 'o', remainingMs: 10, counter: SEED },
        ...{ run: { tick: 7_000, attempt: 1, state: 'open' }, lastSuccess: 6_000 },
      },
      { kind: 'inspected', owner: undefined, remainingMs: 0, counter: undefined, run: undefined },
    ]);
  });

  it('are errors where they are anything else', () => {
    const wrong = [
      ['inspected', 'o', 10, -1, ''],
      ['inspected', 'o', 10, '', 0.5, 1, 'finished'],
      ['inspected', 'o', 10, '', 7_000, -1, 'finished'],
      ['inspected', 'o', 10, '', 7_000, 1, 'paused'],
      ['inspected', 'o', Number.NaN, '', ''],
      ['inspected', '', 0, '', '', 0, '', -1],
      ['inspected', '', 0, '', '', 0, '', 'x'],
      ['inspected', 3, 10, '', ''],
      ['inspected'],
      ['error', 'WRONGTYPE'],
      0,
      'x',
    ];
    expect(inspections(...wrong)).toMatchObject(wrong.map(() => error));
  });
});

describe('the notes of runs', () => {
  const history = (...answers: readonly unknown[]) => historyFrom(answers, historyOperation('lock:', 'a'));

  it('are the texts that the node sends, and nothing else of it', () => {
    expect(history(['history', 'one', 7, 'two', null])).toEqual(['one', 'two']);
    expect(history(['history'])).toEqual([]);
  });

  it('are errors where they are anything else', () => {
    const wrong = [['notes'], 'x', 0, ['zeros', 2], ['error', 'WRONGTYPE']];
    expect(wrong.map((answer) => history(answer))).toMatchObject(wrong.map(() => error));
    expect(history()).toMatchObject(error);
  });
});

describe('a counter further ahead than time allows', () => {
  const tooFarUs = NOW_US + 3_000_000;

  it.each<[string, unknown]>([
    ['a grant', tooFarUs - SEED],
    ['a grant that others wait for', ['granted', tooFarUs - SEED, 1]],
    ['the counter of a later holder', ['superseded', tooFarUs]],
  ])('is a failed vote as %s, which names the resource', (_what, answer) => {
    const [vote] = votes(1, answer);
    expect(vote).toMatchObject({ kind: 'failed', reason: 'error' });
    expect(String((vote as { readonly cause: Error }).cause.message)).toContain(`of a is further`);
  });
});

/** Whatever a server can send: numbers, texts and lists in each other, and answers that are nearly right. */
const anything = fc.oneof(
  fc.anything({ withNullPrototype: true }),
  fc.constantFrom('zeros', 'granted', 'held', 'superseded', 'inspected', 'late', 'finished'),
  fc.tuple(
    fc.constantFrom(
      ...['zeros', 'granted', 'held', 'superseded', 'restored', 'error', 'inspected'],
      ...['already ran', 'released', 'absent'],
    ),
    fc.oneof(fc.double(), fc.maxSafeInteger(), fc.string()),
    fc.oneof(fc.double(), fc.maxSafeInteger(), fc.string()),
    fc.oneof(fc.double(), fc.maxSafeInteger(), fc.constantFrom('', 'started', 'finished'), fc.string()),
  ),
);

describe('whatever a node answers', () => {
  const isNatural = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;

  it('there is one vote for each operation, with numbers that are possible', () => {
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 6 }), fc.integer({ min: 1, max: 4 }), (answers, count) => {
        const found = votes(count, ...answers);
        expect(found).toHaveLength(count);
        for (const vote of found) {
          if (vote.kind === 'granted') {
            expect(isNatural(vote.counter) && vote.counter <= NOW_US + 2_001_000).toBe(true);
            for (const number of [vote.waiting, vote.attempt])
              expect(number === undefined || isNatural(number)).toBe(true);
          }
          if (vote.kind === 'refused') {
            expect(vote.remainingMs === undefined || isNatural(vote.remainingMs)).toBe(true);
            for (const number of [vote.counter, vote.run?.tick, vote.run?.attempt])
              expect(number === undefined || isNatural(number)).toBe(true);
          }
          if (vote.kind === 'failed') expect(vote.cause).toBeInstanceOf(Error);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('there is one inspection for each resource, with numbers that are possible', () => {
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 4 }), (answers) => {
        const found = inspectionsIn([NOW_US, 0, ...answers], [inspectOperation('lock:', 'a')]);
        expect(found).toHaveLength(1);
        for (const one of found) {
          if (one.kind === 'failed') continue;
          expect(isNatural(one.remainingMs)).toBe(true);
          for (const number of [one.counter, one.run?.tick, one.run?.attempt])
            expect(number === undefined || isNatural(number)).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('the guard found a time that is one, or nothing', () => {
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.array(anything, { maxLength: 5 })), (reply) => {
        const finding = findingIn(reply);
        if (finding === undefined) return;
        expect(isNatural(finding.nodeUs)).toBe(true);
        expect(isNatural(finding.quarantineLeftMs) || finding.quarantineLeftMs === -1).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('what the guard found', () => {
  it('is the time of the node, and for how long its grants do not count', () => {
    expect(findingIn([NOW_US, 0, 5])).toEqual({ nodeUs: NOW_US, quarantineLeftMs: 0 });
    const identity = { id: 'id', record: undefined };
    expect(findingIn([NOW_US, -1, 'id', 'members'])).toEqual({
      nodeUs: NOW_US,
      quarantineLeftMs: -1,
      identity,
    });
  });
  it('is what the marker says of the memory, after a look', () => {
    const identity = {
      id: 'id',
      record: { memory: 'run 1', sequence: 2, text: '', inForceInMs: 3, ageMs: 4 },
    };
    const memory = { name: 'run:0', ageMs: 7, outMs: 30_000, longestMs: 60_000, bornUs: 5, writes: 12 };
    const record = ['run 1', 2, '', 3, 4];
    expect(findingIn([NOW_US, 0, 'id', '', ...Object.values(memory), ...record])).toEqual({
      nodeUs: NOW_US,
      quarantineLeftMs: 0,
      identity,
      memory,
    });
  });

  it.each<[string, readonly unknown[]]>([
    ['no name', [undefined, 7, 0, 60_000, 5, 12]],
    ['a name without end', ['x'.repeat(1_000), 7, 0, 60_000, 5, 12]],
    ['a negative age', ['run:0', -7, 0, 60_000, 5, 12]],
    ['a fraction of a lease', ['run:0', 7, 0.5, 60_000, 5, 12]],
    ['no end of a lease', ['run:0', 7, Number.POSITIVE_INFINITY, 60_000, 5, 12]],
    ['a quarantine of more than 24 days', ['run:0', 7, 0, 2 ** 31, 5, 12]],
    ['no number of writes', ['run:0', 7, 0, 60_000, 5, 'x']],
  ])('is no word of the memory where there is %s', (_what, memory) => {
    expect(findingIn([NOW_US, 0, 'id', '', ...memory])).not.toHaveProperty('memory');
  });

  it.each<[string, unknown]>([
    ['no list', 'OK'],
    ['an empty list', []],
    ['no time', [Number.NaN, 0]],
    ['a time that is a text', [String(NOW_US), 0]],
    ['a fraction of a time', [0.5, 0]],
    ['a time that is too large', [2 ** 53, 0]],
    ['no quarantine', [NOW_US]],
    ['a negative quarantine', [NOW_US, -2]],
    ['a quarantine without end', [NOW_US, Number.POSITIVE_INFINITY]],
    ['a quarantine of more than 24 days', [NOW_US, 2 ** 31]],
  ])('is nothing where there is %s', (_what, reply) => {
    expect(findingIn(reply)).toBeUndefined();
  });
});
