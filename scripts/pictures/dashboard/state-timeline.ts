import { rect, type Box } from '../drawing/shapes.js';
import { text, textWidth } from '../drawing/text.js';
import { namedColor, type Palette } from './palette.js';
import type { Axis, NamedSeries } from './panel-data.js';
import { mappingOf, type Panel } from './panels.js';
import { scaleOf, timeAxis } from './plot.js';

const LABELS = 58;
const BELOW = 46;

interface Stretch {
  readonly value: number;
  readonly from: number;
  /** The step after the last one. */
  to: number;
}

/** Draws one band for each series, in the colours of its states. */
export function stateTimeline(
  panel: Panel,
  series: readonly NamedSeries[],
  box: Box,
  axis: Axis,
  palette: Palette,
): string {
  const plot = { x: box.x + LABELS, y: box.y + 4, width: box.width - LABELS, height: box.height - BELOW };
  const inOrder = series.toSorted((one, other) => one.name.localeCompare(other.name));
  const pitch = plot.height / inOrder.length;
  const bands = inOrder.map(({ name, values }, index) => {
    const y = plot.y + index * pitch;
    const stretches = stretchesOf(values).map((stretch) => {
      const at = (step: number): number => plot.x + (plot.width * step) / values.length;
      return band(
        panel,
        stretch,
        { x: at(stretch.from), y: y + 2, width: at(stretch.to) - at(stretch.from), height: pitch - 4 },
        palette,
      );
    });
    return (
      text(plot.x - 8, y + pitch / 2 + 4, name, {
        size: 11,
        anchor: 'end',
        fill: palette.ink,
        within: LABELS - 6,
      }) + stretches.join('')
    );
  });
  const states = [
    ...new Set(inOrder.flatMap(({ values }) => values.filter((value) => value !== undefined))),
  ].sort((one, other) => one - other);
  const scale = scaleOf(plot, axis, 1);
  return [timeAxis(plot, axis, scale, palette), ...bands, legend(panel, states, box, palette)].join('\n');
}

function stretchesOf(values: NamedSeries['values']): readonly Stretch[] {
  const stretches: Stretch[] = [];
  values.forEach((value, step) => {
    const last = stretches.at(-1);
    if (value === undefined) return;
    if (last?.value === value && last.to === step) last.to = step + 1;
    else stretches.push({ value, from: step, to: step + 1 });
  });
  return stretches;
}

function band(panel: Panel, { value }: Stretch, box: Box, palette: Palette): string {
  const { text: state = String(value), color = 'text' } = mappingOf(panel, value) ?? {};
  const says = textWidth(state, { size: 11 }) + 10 < box.width;
  return (
    rect(box, { fill: namedColor(palette, color), opacity: 0.75 }) +
    (says ? text(box.x + 6, box.y + box.height / 2 + 4, state, { size: 11, fill: palette.onColor }) : '')
  );
}

function legend(panel: Panel, states: readonly number[], { x, y, height }: Box, palette: Palette): string {
  let left = x;
  return states
    .map((state) => {
      const { text: name = String(state), color = 'text' } = mappingOf(panel, state) ?? {};
      const at = left;
      left += textWidth(name, { size: 11 }) + 34;
      const swatch = { x: at, y: y + height - 10, width: 12, height: 3 };
      return (
        rect(swatch, { fill: namedColor(palette, color), radius: 1.5 }) +
        text(at + 18, y + height - 5, name, { size: 11, fill: palette.ink })
      );
    })
    .join('');
}
