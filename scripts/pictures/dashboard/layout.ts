import type { Box } from '../drawing/shapes.js';
import type { Panel } from './panels.js';

const COLUMNS = 24;
const GAP = 8;
/** Height of one row of Grafana's grid, in pixels. */
const PITCH = 27;

export interface Placed {
  readonly panel: Panel;
  readonly box: Box;
}

/** Places the panels as Grafana does. A line of the grid that is left out takes no space. */
export function placed(panels: readonly Panel[], { x, y, width }: Omit<Box, 'height'>): readonly Placed[] {
  const column = (width + GAP) / COLUMNS;
  const tops = new Map<number, number>();
  let next = 0;
  for (const { gridPos } of panels) {
    if (tops.has(gridPos.y)) continue;
    tops.set(gridPos.y, next);
    next += gridPos.h;
  }
  return panels.map((panel) => {
    const { gridPos } = panel;
    return {
      panel,
      box: {
        x: x + gridPos.x * column,
        y: y + (tops.get(gridPos.y) ?? 0) * PITCH,
        width: gridPos.w * column - GAP,
        height: gridPos.h * PITCH - GAP,
      },
    };
  });
}
