import { line, rect, type Box } from '../drawing/shapes.js';
import { text } from '../drawing/text.js';
import type { Recording } from '../recording/recording.js';
import { namedColor, type Palette } from './palette.js';
import { answerTo } from './panel-data.js';
import { redFromOf, unitOfColumn, type Panel } from './panels.js';
import { formatted } from './units.js';

const ROW = 27;
const NAMES = 150;

/** Draws one row for each lock, and one column for each query, with the last value of each. */
export function table(panel: Panel, recording: Recording, box: Box, palette: Palette): string {
  const columns = (panel.targets ?? []).map(({ expr, legendFormat: name }) => ({
    name,
    values: new Map(
      answerTo(panel, expr, recording).map(({ labels, values }) => [
        labels['lock'] ?? '',
        values.findLast((value) => value !== undefined),
      ]),
    ),
  }));
  const locks = [...new Set(columns.flatMap(({ values }) => [...values.keys()]))].sort();
  const width = (box.width - NAMES) / columns.length;
  const right = (index: number): number => box.x + NAMES + (index + 1) * width - 8;
  const head = { size: 11.5, weight: 600, fill: palette.muted } as const;
  const rows = locks.map((lock, row) => {
    const y = box.y + (row + 1) * ROW;
    const cells = columns.map(({ name, values }, index) => {
      const value = values.get(lock);
      const redFrom = redFromOf(panel, name);
      const isRed = value !== undefined && redFrom !== undefined && value >= redFrom;
      const fill = isRed ? namedColor(palette, 'red') : palette.ink;
      const shown = value === undefined ? '' : formatted(value, unitOfColumn(panel, name));
      return text(right(index), y + 18, shown, { size: 12, anchor: 'end', fill, within: width - 12 });
    });
    const band = { x: box.x, y, width: box.width, height: ROW };
    return [
      row % 2 === 0 ? rect(band, { fill: palette.ground, radius: 0 }) : '',
      text(box.x + 8, y + 18, lock, { size: 12, weight: 600, fill: palette.ink, within: NAMES - 12 }),
      ...cells,
    ].join('');
  });
  return [
    text(box.x + 8, box.y + 18, 'job', head),
    ...columns.map(({ name }, index) =>
      text(right(index), box.y + 18, name, { ...head, anchor: 'end', within: width - 12 }),
    ),
    line(box.x, box.y + ROW - 1, box.x + box.width, box.y + ROW - 1, palette.grid),
    ...rows,
  ].join('\n');
}
