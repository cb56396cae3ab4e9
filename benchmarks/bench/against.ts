/** What quorlock is now against what it was before, from one run. */
import { cellsOf, spreadOf, type Row } from './results.js';
import { BEFORE, QUORLOCK } from './subjects.js';

/**
 * The figures that are better when they are less, but for the first, and are told of whatever scenario has
 * them.
 */
const FIGURES = ['perSecond', 'p50', 'p99', 'cpuUs', 'cpuSeconds', 'heapBytes', 'commands'];

/**
 * A table in Markdown. The ratio is the median of those of the rounds: in a round the two are measured within
 * seconds, so what else the machine does meanwhile touches both.
 */
export function comparison(rows: readonly Row[]): string {
  const lines = cellsOf(rows).flatMap((cell) =>
    FIGURES.flatMap((figure) => {
      const ratios = ratiosOf(
        rows.filter((row) => row.cell === cell),
        figure,
      );
      const spread = spreadOf(
        ratios.map((ratio) => ({ figures: { ratio } })),
        'ratio',
      );
      if (spread === undefined) return [];
      const [median, min, max] = [spread.median, spread.min, spread.max].map((ratio) => ratio.toFixed(2));
      return [`| ${cell} | ${figure} | ${median} | ${min}..${max} | ${ratios.length} |`];
    }),
  );
  return [
    '## Now against before',
    '',
    '| cell | figure | ratio, median of rounds | least..most | rounds |',
    '| --- | --- | ---: | ---: | ---: |',
    ...lines,
    '',
  ].join('\n');
}

function ratiosOf(rows: readonly Row[], figure: string): number[] {
  return rows.flatMap(({ subject, round, figures }) => {
    if (subject !== QUORLOCK.name) return [];
    const before = rows.find((row) => row.subject === BEFORE.name && row.round === round)?.figures[figure];
    const now = figures[figure];
    return before === undefined || now === undefined || before === 0 ? [] : [now / before];
  });
}
