import { arrow, card, curve, cylinder, line } from '../drawing/shapes.js';
import { lines, text } from '../drawing/text.js';
import type { Theme } from '../drawing/theme.js';
import { NODES_TOP, RINGS_BOTTOM, SIDE, SKIN } from './architecture-places.js';

/** Draws Prometheus and Grafana. */
export function observers(theme: Theme): string {
  const middle = SIDE.x + SIDE.width / 2;
  const name = { size: 13, weight: 600, anchor: 'middle', fill: theme.ink } as const;
  const what = { size: 12, anchor: 'middle', fill: theme.muted, within: SIDE.width - 12 } as const;
  return [
    card({ ...SIDE, y: 116, height: 56 }, theme),
    text(middle, 139, 'Grafana', name),
    text(middle, 158, 'the dashboard', what),
    arrow(middle, 172, middle, 226, theme.muted),
    text(middle + 10, 203, 'queries', { size: 12, fill: theme.muted }),
    card({ ...SIDE, y: 227, height: 56 }, theme),
    text(middle, 250, 'Prometheus', name),
    text(middle, 269, 'scrapes /metrics', what),
    arrow(SIDE.x, 255, SKIN.x + SKIN.width + 1, 255, theme.muted),
  ].join('');
}

/** Draws the two rules of the picture in words. */
export const rules = (theme: Theme): string =>
  rule(
    372,
    'Rings',
    ['Imports point inwards', 'only: no ring knows those', 'around it. A test holds the', 'sources to that.'],
    theme,
  ) +
  rule(
    NODES_TOP + 6,
    'Redis nodes',
    [
      'Independent servers, no',
      'replication between them.',
      'A majority decides: the',
      'rest may be down or slow.',
    ],
    theme,
  );

function rule(y: number, name: string, says: readonly string[], { ink, muted }: Theme): string {
  const style = { size: 12.5, within: SIDE.width };
  return (
    text(SIDE.x, y, name, { ...style, weight: 600, fill: ink }) +
    lines(SIDE.x, y + 20, says, { ...style, fill: muted })
  );
}

const NODE = { width: 80, height: 64, pitch: 130 };
const NAMES = ['redis 1', 'redis 2', 'redis 3', 'redis 4', 'redis N'];

/** Draws the Redis servers and the connection to each of them. */
export function nodes({ green, muted, card: fill, ink }: Theme): string {
  const from = SKIN.x + SKIN.width / 2;
  const bend = NODES_TOP - 34;
  const servers = NAMES.map((name, index) => {
    const x = SKIN.x + index * NODE.pitch;
    const middle = x + NODE.width / 2;
    const way = `M${from} ${RINGS_BOTTOM}C${from} ${bend} ${middle} ${bend - 6} ${middle} ${NODES_TOP - 2}`;
    return [
      curve(way, green.solid),
      cylinder({ ...NODE, x, y: NODES_TOP }, fill, green.solid),
      text(middle, NODES_TOP + 86, name, { size: 12.5, anchor: 'middle', fill: ink }),
    ].join('');
  });
  const last = SKIN.x + (NAMES.length - 1) * NODE.pitch;
  const more = line(last - 40, NODES_TOP + 36, last - 10, NODES_TOP + 36, muted, '2 6');
  return [...servers, more].join('');
}
