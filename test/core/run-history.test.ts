import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  LONGEST_ERROR,
  mergeHistory,
  MOST_NOTES,
  noteText,
  withNote,
  type PastRun,
  type RunNote,
} from '../../src/core/run-history.js';

const run = (token: number, about: Partial<PastRun> = {}): PastRun => ({
  tick: 1_000,
  attempt: 1,
  worker: 'web-1',
  startedAt: 1_004,
  endedAt: 2_000,
  outcome: 'succeeded',
  error: undefined,
  token,
  ...about,
});

describe('the history of runs', () => {
  it('gives back what was kept, with or without an error', () => {
    const failed = run(2, { outcome: 'failed', error: 'no "disk"\u2026 \ud83d\ude00' });
    expect(mergeHistory([[noteText(run(1)), noteText(failed)]])).toEqual([failed, run(1)]);
  });

  it('merges the lists of nodes that have heard of different runs, each run once, the latest first', () => {
    const runs = [run(1), run(2, { attempt: 2 }), run(3, { tick: 2_000 }), run(4, { tick: 3_000 })];
    const [a, b, c, d] = runs.map(noteText) as [string, string, string, string];
    expect(mergeHistory([[a, b], [d, b, c], []]).map(({ token }) => token)).toEqual([4, 3, 2, 1]);
  });

  it('takes two notes of one run for one', () => {
    const other = run(1, { endedAt: 2_001 });
    expect(mergeHistory([[noteText(run(1))], [noteText(other)]])).toEqual([other]);
  });

  it('keeps the order of tokens although the clocks of the workers differ', () => {
    const [early, late] = [run(1, { startedAt: 60_000, endedAt: 60_001 }), run(2, { startedAt: 5 })];
    expect(mergeHistory([[noteText(early), noteText(late)]])).toEqual([late, early]);
  });

  it.each<[string, string]>([
    ['no JSON', '[1,'],
    ['no list', '{"tick":1}'],
    ['another form', noteText(run(1)).replace('[1,', '[2,')],
    ['a tick that is no number', noteText(run(1)).replace('1000', '"x"')],
    ['an unknown outcome', noteText(run(1)).replace('succeeded', 'fine')],
    ['a name that is too long', noteText(run(1, { worker: 'w'.repeat(129) }))],
    ['an error that is too long', noteText(run(1, { error: 'e'.repeat(LONGEST_ERROR + 1) }))],
    ['a missing field', '[1,1000,1]'],
  ])('leaves out what is no note of a run: %s', (_what, text) => {
    expect(mergeHistory([[text, noteText(run(7))]])).toEqual([run(7)]);
  });

  it('reads any text without an error, and no more than it would keep', () => {
    fc.assert(fc.property(fc.array(fc.string()), (texts) => void mergeHistory([texts])));
    fc.assert(fc.property(fc.array(fc.json()), (texts) => void mergeHistory([texts])));
    const many = Array.from({ length: MOST_NOTES + 5 }, (_, at) => noteText(run(at)));
    expect(mergeHistory([many])).toHaveLength(MOST_NOTES);
  });
});

describe('the notes of a node', () => {
  const note = (rank: number, most = 2): RunNote => ({
    rank,
    text: `run ${rank}`,
    most,
    succeededAt: undefined,
  });
  const after = (...notes: RunNote[]): string[] =>
    notes.reduce<readonly RunNote[]>((kept, one) => withNote(kept, one), []).map(({ text }) => text);

  it('are those with the highest rank, in this order, whenever they come', () => {
    expect(after(note(1), note(3), note(2))).toEqual(['run 2', 'run 3']);
    expect(after(note(2), note(3), note(1))).toEqual(['run 2', 'run 3']);
  });

  it('are not more when the same one comes twice', () => {
    expect(after(note(1), note(2), note(1), note(2))).toEqual(['run 1', 'run 2']);
  });

  it('are as many as the last one says', () => {
    expect(after(note(1), note(2), note(3, 1))).toEqual(['run 3']);
    expect(after(note(1), { ...note(2), text: '' })).toEqual(['run 1']);
  });
});
