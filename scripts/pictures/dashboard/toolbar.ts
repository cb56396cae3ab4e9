import { rect } from '../drawing/shapes.js';
import { spans, text, textWidth } from '../drawing/text.js';
import type { Recording } from '../recording/recording.js';
import type { Palette } from './palette.js';
import type { DashboardFile } from './panels.js';
import { clockTime } from './ticks.js';

/** Draws the line above the panels: the dashboard's name, its variables and the time range. */
export function toolbar(
  dashboard: DashboardFile,
  { from, to, window }: Recording,
  width: number,
  margin: number,
  palette: Palette,
): string {
  const { ink, muted, panel, border } = palette;
  let left = margin + textWidth(dashboard.title, { size: 15, weight: 600 }) + 26;
  const chips = dashboard.templating.list
    .filter(({ type }) => type !== 'datasource')
    .map(({ label, type }) => {
      const value = type === 'interval' ? window : 'All';
      const wide = textWidth(`${label} ${value}`, { size: 11.5 }) + 22;
      const box = { x: left, y: 16, width: wide, height: 24 };
      left += wide + 8;
      const parts = [
        [label, { fill: muted }],
        [`  ${value}`, { fill: ink }],
      ] as const;
      return (
        rect(box, { fill: panel, stroke: border, radius: 3 }) +
        spans(box.x + 9, 32, parts, { size: 11.5, within: wide - 8 })
      );
    });
  const range = `${clockTime(from)} to ${clockTime(to)} UTC`;
  return [
    text(margin + 4, 33, dashboard.title, { size: 15, weight: 600, fill: ink }),
    ...chips,
    text(width - margin - 4, 32, range, {
      size: 12,
      anchor: 'end',
      fill: muted,
      within: width - left - margin,
    }),
  ].join('');
}
