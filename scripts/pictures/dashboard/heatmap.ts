import { rect, type Box } from '../drawing/shapes.js';
import { text } from '../drawing/text.js';
import { namedColor, type Palette } from './palette.js';
import type { Axis, NamedSeries } from './panel-data.js';
import { unitOf, type Panel } from './panels.js';
import { scaleOf, timeAxis } from './plot.js';
import { formatted } from './units.js';

const LABELS = 56;
const TIMES = 22;
/** So many cells fit beside each other and can still be told apart. */
const MOST_COLUMNS = 60;

interface Bucket {
  /** The upper bound; infinite for the last one. */
  readonly bound: number;
  readonly counts: readonly number[];
}

/** Draws how many values fall into each bucket, over time: the more, the darker. */
export function heatmap(
  panel: Panel,
  series: readonly NamedSeries[],
  box: Box,
  axis: Axis,
  palette: Palette,
): string {
  const plot = { x: box.x + LABELS, y: box.y + 4, width: box.width - LABELS, height: box.height - TIMES };
  const buckets = shownOf(bucketsOf(series));
  const pitch = plot.height / buckets.length;
  const steps = buckets[0]?.counts.length ?? 0;
  const wide = Math.max(1, Math.ceil(steps / MOST_COLUMNS));
  const columns = Math.ceil(steps / wide);
  const cellsOf = ({ counts }: Bucket): number[] =>
    Array.from({ length: columns }, (_, at) =>
      counts.slice(at * wide, (at + 1) * wide).reduce((sum, count) => sum + count, 0),
    );
  const rows = buckets.map(cellsOf);
  const highest = Math.max(...rows.flat(), Number.MIN_VALUE);
  const cells = rows.flatMap((row, index) =>
    row.map((count, column) => {
      if (count < 0.5) return '';
      const cell = {
        x: plot.x + (plot.width * column) / columns,
        y: plot.y + plot.height - (index + 1) * pitch + 1,
        width: plot.width / columns - 0.5,
        height: pitch - 2,
      };
      const opacity = Number((0.25 + 0.75 * (count / highest)).toFixed(2));
      return rect(cell, { fill: namedColor(palette, 'blue'), opacity, radius: 1 });
    }),
  );
  const labels = buckets.map(({ bound }, index) => {
    const y = plot.y + plot.height - (index + 0.5) * pitch + 4;
    const shown = Number.isFinite(bound) ? formatted(bound, unitOf(panel)) : 'more';
    return text(plot.x - 6, y, shown, { size: 11, anchor: 'end', fill: palette.muted, within: LABELS - 4 });
  });
  return [timeAxis(plot, axis, scaleOf(plot, axis, 1), palette), ...labels, ...cells].join('\n');
}

/** Prometheus counts all values up to a bound; here each bucket has its own. */
function bucketsOf(series: readonly NamedSeries[]): readonly Bucket[] {
  const inOrder = series
    .map(({ name, values }) => ({ bound: name === '+Inf' ? Infinity : Number(name), values }))
    .sort((one, other) => one.bound - other.bound);
  return inOrder.map(({ bound, values }, index) => ({
    bound,
    counts: values.map((value = 0, step) => Math.max(0, value - (inOrder[index - 1]?.values[step] ?? 0))),
  }));
}

/** The buckets from the first to the last that has any value. */
function shownOf(buckets: readonly Bucket[]): readonly Bucket[] {
  const isUsed = ({ counts }: Bucket): boolean => counts.some((count) => count >= 0.5);
  return buckets.slice(buckets.findIndex(isUsed), buckets.findLastIndex(isUsed) + 1);
}
