import { line, type Box } from '../drawing/shapes.js';
import { text } from '../drawing/text.js';
import type { Palette } from './palette.js';
import type { Axis } from './panel-data.js';
import { clockTime, timeTicks } from './ticks.js';

/** Maps instants and values to pixels. */
export interface Scale {
  readonly x: (at: number) => number;
  readonly y: (value: number) => number;
}

export const scaleOf = ({ x, y, width, height }: Box, { from, to }: Axis, highest: number): Scale => ({
  x: (at) => x + ((at - from) / (to - from)) * width,
  y: (value) => y + height - (value / highest) * height,
});

/** Draws the times below a plot and the vertical lines above them. */
export const timeAxis = (plot: Box, axis: Axis, scale: Scale, { grid, muted }: Palette): string =>
  timeTicks(axis.from, axis.to)
    .map((at) => {
      const x = scale.x(at);
      const bottom = plot.y + plot.height;
      // A centred label does not fit at the edges.
      const fits = x > plot.x + 12 && x < plot.x + plot.width - 12;
      const label = fits
        ? text(x, bottom + 14, clockTime(at), { size: 11, anchor: 'middle', fill: muted })
        : '';
      return line(x, plot.y, x, bottom, grid) + label;
    })
    .join('');
