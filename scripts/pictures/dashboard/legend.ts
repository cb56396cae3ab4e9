import { rect } from '../drawing/shapes.js';
import { shortened, text } from '../drawing/text.js';
import type { Palette } from './palette.js';
import { seriesColor } from './palette.js';
import { lastOf, maxOf, meanOf, type NamedSeries } from './panel-data.js';
import { unitOf, type Panel } from './panels.js';
import { formatted } from './units.js';

const LEGEND_LINE = 16;
const LINES = 3;
const COLUMN = 64;

const CALCULATIONS: Readonly<
  Record<string, { title: string; of: (series: NamedSeries) => number | undefined }>
> = {
  lastNotNull: { title: 'Last', of: lastOf },
  max: { title: 'Max', of: maxOf },
  mean: { title: 'Mean', of: meanOf },
};

export const legendHeight = (series: readonly NamedSeries[]): number =>
  (Math.min(LINES, series.length) + 1) * LEGEND_LINE;

/** Draws the table below a plot. It has the first series; Grafana would scroll to the others. */
export function legendTable(
  panel: Panel,
  series: readonly NamedSeries[],
  { x, y, width }: { readonly x: number; readonly y: number; readonly width: number },
  palette: Palette,
): string {
  const { ink, muted } = palette;
  const calculations = (panel.options?.legend?.calcs ?? []).flatMap((name) => CALCULATIONS[name] ?? []);
  const columnX = (index: number): number => x + width - (calculations.length - 1 - index) * COLUMN;
  const room = width - calculations.length * COLUMN - 18;
  const head = calculations.map(({ title }, index) =>
    text(columnX(index), y + 11, title, { size: 11, anchor: 'end', fill: muted }),
  );
  const rows = series.slice(0, LINES).map((one, index) => {
    const top = y + (index + 1) * LEGEND_LINE;
    const values = calculations.map(({ of }, column) => {
      const value = of(one);
      const shown = value === undefined ? '-' : formatted(value, unitOf(panel));
      return text(columnX(column), top + 11, shown, {
        size: 11,
        anchor: 'end',
        fill: ink,
        within: COLUMN - 2,
      });
    });
    const swatch = { x, y: top + 6, width: 12, height: 3 };
    return [
      rect(swatch, { fill: seriesColor(palette, index), radius: 1.5 }),
      text(x + 18, top + 11, shortened(one.name, room, 11), { size: 11, fill: ink }),
      ...values,
    ].join('');
  });
  return [...head, ...rows].join('');
}
