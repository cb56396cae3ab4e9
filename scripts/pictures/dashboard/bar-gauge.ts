import { rect, type Box } from '../drawing/shapes.js';
import { text } from '../drawing/text.js';
import { namedColor, type Palette } from './palette.js';
import { lastOf, maxOf, type NamedSeries } from './panel-data.js';
import { thresholdColor, unitOf, type Panel } from './panels.js';
import { formatted } from './units.js';

const NAMES = 64;
const VALUES = 66;

/** Draws one bar for each series. Its length is the last value. */
export function barGauge(panel: Panel, series: readonly NamedSeries[], box: Box, palette: Palette): string {
  const highest = Math.max(...series.map(maxOf), Number.MIN_VALUE);
  const room = box.width - NAMES - VALUES;
  const pitch = Math.min(34, box.height / series.length);
  return series
    .map((one, index) => {
      const value = lastOf(one) ?? 0;
      const y = box.y + index * pitch + 4;
      const bar = { x: box.x + NAMES, y, width: room, height: pitch - 8 };
      const color = namedColor(palette, thresholdColor(panel, value));
      const middle = y + bar.height / 2 + 4;
      return [
        text(bar.x - 8, middle, one.name, {
          size: 11.5,
          anchor: 'end',
          fill: palette.ink,
          within: NAMES - 6,
        }),
        rect(bar, { fill: palette.grid, radius: 3 }),
        rect(
          { ...bar, width: Math.max(2, (room * value) / highest) },
          { fill: color, radius: 3, opacity: 0.85 },
        ),
        text(bar.x + room + 8, middle, formatted(value, unitOf(panel)), {
          size: 12.5,
          weight: 600,
          fill: color,
          within: VALUES,
        }),
      ].join('');
    })
    .join('');
}
