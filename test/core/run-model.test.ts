import { randomInt } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { playRuns, RUN_FLAWS, type RunFlaw } from './run-model.js';

const WORLDS = 10_000;

describe('the rules of the ledger', () => {
  it.each([
    ['the same worlds as ever', 1],
    ['fresh worlds', randomInt(1_000_000, 2 ** 31)],
  ])('let no tick run that must not, with late, doubled and lost messages: %s', (_which, first) => {
    const { wrong, starts } = playRuns(first, WORLDS);
    expect(wrong).toEqual([]);
    // Without runs, nothing could go wrong.
    expect(starts).toBeGreaterThan(WORLDS / 2);
  });

  it.each(Object.entries(RUN_FLAWS) as [RunFlaw, number][])('are all needed: %s', (flaw, seed) => {
    expect(playRuns(seed, 1, flaw).wrong).toHaveLength(1);
    expect(playRuns(seed, 1).wrong).toEqual([]);
  });
});
