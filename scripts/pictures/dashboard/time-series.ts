import { line, type Box } from '../drawing/shapes.js';
import { element } from '../drawing/svg.js';
import { text } from '../drawing/text.js';
import { legendHeight, legendTable } from './legend.js';
import { seriesColor, type Palette } from './palette.js';
import { maxOf, type Axis, type NamedSeries } from './panel-data.js';
import { unitOf, type Panel } from './panels.js';
import { scaleOf, timeAxis, type Scale } from './plot.js';
import { valueTicks } from './ticks.js';
import { formatted } from './units.js';

const LABELS = 56;
const TIMES = 22;

/** Draws lines or stacked bars over time, with the legend below. */
export function timeSeries(
  panel: Panel,
  series: readonly NamedSeries[],
  box: Box,
  axis: Axis,
  palette: Palette,
): string {
  const isBars = panel.fieldConfig?.defaults.custom?.drawStyle === 'bars';
  const below = legendHeight(series);
  const plot = {
    x: box.x + LABELS,
    y: box.y + 4,
    width: box.width - LABELS,
    height: box.height - TIMES - below - 2,
  };
  const ticks = valueTicks(isBars ? highestSum(series) : Math.max(0, ...series.map(maxOf)), unitOf(panel));
  const scale = scaleOf(plot, axis, ticks.at(-1) ?? 1);
  const labels = ticks.map((tick) => {
    const y = scale.y(tick);
    const style = { size: 11, anchor: 'end', fill: palette.muted, within: LABELS - 4 } as const;
    return (
      line(plot.x, y, plot.x + plot.width, y, palette.grid) +
      text(plot.x - 6, y + 4, formatted(tick, unitOf(panel)), style)
    );
  });
  const drawn = isBars ? stackedBars(series, axis, scale, palette) : areas(series, axis, scale, palette);
  const legend = { x: box.x, y: box.y + box.height - below, width: box.width };
  return [
    timeAxis(plot, axis, scale, palette),
    ...labels,
    drawn,
    legendTable(panel, series, legend, palette),
  ].join('\n');
}

const highestSum = (series: readonly NamedSeries[]): number =>
  Math.max(0, ...(series[0]?.values.map((_, step) => sumAt(series, step)) ?? []));

const sumAt = (series: readonly NamedSeries[], step: number): number =>
  series.reduce((sum, { values }) => sum + (values[step] ?? 0), 0);

const instant = ({ from, to }: Axis, step: number, steps: number): number =>
  from + ((to - from) * step) / (steps - 1);

/** Draws the first series last, above the others. */
const areas = (series: readonly NamedSeries[], axis: Axis, scale: Scale, palette: Palette): string =>
  series
    .map((one, index) => {
      const stroke = seriesColor(palette, index);
      return stretchesOf(one)
        .map((stretch) => area(stretch, one.values.length, axis, scale, stroke))
        .join('');
    })
    .reverse()
    .join('');

type Point = readonly [step: number, value: number];

/** Splits a series at its gaps. */
function stretchesOf({ values }: NamedSeries): readonly (readonly Point[])[] {
  const stretches: Point[][] = [];
  let isOpen = false;
  values.forEach((value, step) => {
    if (value !== undefined && !isOpen) stretches.push([]);
    isOpen = value !== undefined;
    if (value !== undefined) stretches.at(-1)?.push([step, value]);
  });
  return stretches;
}

function area(stretch: readonly Point[], steps: number, axis: Axis, scale: Scale, stroke: string): string {
  const xOf = (step: number): number => scale.x(instant(axis, step, steps));
  const points = stretch.map(([step, value]) => `${xOf(step)} ${scale.y(value)}`);
  const [first, last] = [stretch[0], stretch.at(-1)];
  if (first === undefined || last === undefined) return '';
  const outline = `M${points.join('L')}`;
  const floor = scale.y(0);
  return (
    element('path', {
      d: `${outline}L${xOf(last[0])} ${floor}L${xOf(first[0])} ${floor}Z`,
      fill: stroke,
      'fill-opacity': '0.1',
    }) +
    element('path', { d: outline, fill: 'none', stroke, 'stroke-width': '1.5', 'stroke-linejoin': 'round' })
  );
}

function stackedBars(series: readonly NamedSeries[], axis: Axis, scale: Scale, palette: Palette): string {
  const steps = series[0]?.values.length ?? 0;
  const width = (scale.x(instant(axis, 1, steps)) - scale.x(axis.from)) * 0.8;
  return series
    .map(({ values }, index) => {
      const bars = values.flatMap((value = 0, step) => {
        if (value === 0) return [];
        const floor = scale.y(sumAt(series.slice(0, index), step));
        const height = scale.y(0) - scale.y(value);
        const x = scale.x(instant(axis, step, steps)) - width / 2;
        return [`M${x} ${floor}v${-height}h${width}v${height}z`];
      });
      return bars.length === 0
        ? ''
        : element('path', { d: bars.join(''), fill: seriesColor(palette, index), 'fill-opacity': '0.85' });
    })
    .join('');
}
