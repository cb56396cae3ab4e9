import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { SCENARIOS } from '../../../benchmarks/peers/scenarios.js';
import type { Figures } from '../../../benchmarks/peers/stage.js';
import { SUBJECTS } from '../../../benchmarks/peers/subjects.js';
import { render, type Results } from '../../../benchmarks/peers/table.js';

const NONE: Figures = {
  overlapMs: 0,
  staleWrites: 0,
  abortLateMs: 0,
  longestCallMs: 0,
  falseFailures: 0,
  falseLosses: 0,
  leakedKeys: 0,
  lostTicks: 0,
  duplicateTicks: 0,
  crashes: 0,
};

describe('the table of the other libraries (benchmarks/peers.md)', () => {
  const resultsFile = new URL('../../../benchmarks/results/peers.json', import.meta.url);
  const results = JSON.parse(readFileSync(resultsFile, 'utf8')) as Results;

  it('benchmarks/peers.md is made from the committed results', () => {
    expect(readFileSync(new URL('../../../benchmarks/peers.md', import.meta.url), 'utf8')).toBe(
      render(results),
    );
  });

  it('the results have every scenario for every library, equally often', () => {
    const runs = SCENARIOS.flatMap(({ id }) =>
      SUBJECTS.map(
        ({ name, setting }) =>
          results.plays.filter(
            (play) => play.scenario === id && play.library === name && play.setting === setting,
          ).length,
      ),
    );
    expect(Math.min(...runs)).toBeGreaterThanOrEqual(2);
    expect(new Set(runs).size).toBe(1);
  });

  it('the table prints a figure in bold if others are better, for quorlock too', () => {
    const plays = [
      {
        scenario: 'ghost',
        library: 'quorlock',
        setting: 'defaults',
        run: 0,
        figures: { ...NONE, leakedKeys: 2 },
      },
      { scenario: 'ghost', library: 'redlock', setting: 'defaults', run: 0, figures: NONE },
    ] as const;
    const page = render({ ...results, plays });
    expect(page).toContain('| quorlock | **2** | 0 |');
    expect(page).toContain('| redlock, defaults | 0 | 0 |');
    expect(page).toContain('| quorlock | fails |');
    expect(page).toContain('| redlock, defaults | well |');
  });
});
