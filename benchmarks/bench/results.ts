import type { Measurement } from './run.js';
import { median } from './statistics.js';
import { QUORLOCK, subjectOf } from './subjects.js';

export interface Results {
  readonly date: string;
  readonly command: string;
  readonly node: string;
  readonly redis: string;
  readonly cpus: number;
  readonly results: readonly Measurement[];
}

/** One library in one scenario, over all rounds. */
export interface Row {
  readonly subject: string;
  readonly setting: string;
  readonly median: (figure: string) => number;
  readonly spread: (figure: string) => readonly [number, number];
  readonly notes: readonly string[];
}

export const scenariosOf = ({ results }: Results): string[] => [
  ...new Set(results.map(({ scenario }) => scenario)),
];

export function rowsOf({ results }: Results, scenario: string): Row[] {
  const groups = new Map<string, Measurement[]>();
  for (const one of results) {
    if (one.scenario !== scenario) continue;
    const key = `${one.subject}|${one.setting}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()].map((group) => {
    const values = (figure: string): number[] =>
      // JSON has no infinity: a figure that is null stands for one.
      group.flatMap(({ figures }) =>
        figure in figures ? [figures[figure] ?? Number.POSITIVE_INFINITY] : [],
      );
    return {
      subject: group[0]!.subject,
      setting: group[0]!.setting,
      median: (figure) => median(values(figure)),
      spread: (figure) => [Math.min(...values(figure)), Math.max(...values(figure))],
      notes: [...new Set(group.flatMap(({ note }) => (note === undefined ? [] : [note])))],
    };
  });
}

const isPeer = ({ subject }: Row): boolean =>
  !subject.startsWith(QUORLOCK.name) && subjectOf(subject).isFloor !== true;

/** The best of the others: the most a second, unless less of it is better. */
export function bestPeer(
  rows: readonly Row[],
  figure: string,
  best: 'most' | 'least' = 'most',
): Row | undefined {
  const sign = best === 'most' ? 1 : -1;
  return rows
    .filter((row) => isPeer(row) && Number.isFinite(row.median(figure)) && row.median(figure) > 0)
    .sort((a, b) => sign * (b.median(figure) - a.median(figure)))[0];
}

export const rowOf = (rows: readonly Row[], subject: string): Row | undefined =>
  rows.find((row) => row.subject === subject);
