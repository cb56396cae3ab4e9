import { badge, line, rect } from '../drawing/shapes.js';
import { text } from '../drawing/text.js';
import type { Theme } from '../drawing/theme.js';
import type { Asking, LeaseRun } from './lease-run.js';
import { xOf } from './lease-scale.js';

const LABELS = ['acquire', 'extend', 'extend', 'retry', 'extend', 'retry', 'retry'];

/** Draws each acquisition and extension: when the nodes were asked, and whether it was won. */
export function askingsLane({ askings }: LeaseRun, y: number, theme: Theme): string {
  return askings.map((asking, index) => mark(asking, LABELS[index] ?? '', y, theme)).join('');
}

function mark({ sentAt, doneAt, won }: Asking, label: string, y: number, theme: Theme): string {
  const hue = won ? theme.green : theme.red;
  const x = xOf(sentAt);
  const end = xOf(doneAt);
  // An answer that came at once needs no bar.
  const wait = end - x > 4 ? rect({ x, y: y - 2, width: end - x, height: 4 }, { fill: hue.solid }) : '';
  const center = { size: 12, anchor: 'middle' } as const;
  return [
    line(x, y - 12, x, y, hue.solid),
    wait,
    badge(end, y, won ? 'check' : 'cross', hue, theme.ground),
    text((x + end) / 2, y + 26, label, { ...center, fill: hue.text }),
    text((x + end) / 2, y + 42, String(Math.round(sentAt)), { ...center, fill: theme.muted }),
  ].join('');
}
