import type { Box } from '../drawing/shapes.js';
import { text } from '../drawing/text.js';
import { namedColor, type Palette } from './palette.js';
import { lastOf, type NamedSeries } from './panel-data.js';
import { mappingOf, thresholdColor, unitOf, type Panel } from './panels.js';
import { formatted } from './units.js';

/** Draws one number, in the colour of its threshold. */
export function stat(panel: Panel, [series]: readonly NamedSeries[], box: Box, palette: Palette): string {
  const value = series === undefined ? undefined : lastOf(series);
  if (value === undefined) throw new Error(`"${panel.title}" has no value`);
  const mapping = mappingOf(panel, value);
  const shown = mapping?.text ?? formatted(Math.round(value), unitOf(panel));
  const fill = namedColor(palette, mapping?.color ?? thresholdColor(panel, value));
  const style = { size: 34, weight: 600, anchor: 'middle', fill, within: box.width } as const;
  return text(box.x + box.width / 2, box.y + box.height / 2 + 12, shown, style);
}
