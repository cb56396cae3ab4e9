import { code } from '../drawing/code.js';
import { arrow, rect } from '../drawing/shapes.js';
import { text } from '../drawing/text.js';
import type { Theme } from '../drawing/theme.js';
import { GAP, RING_HEAD, SKIN } from './architecture-places.js';

const TOP = 116;
const HEIGHT = 92;

const CALLERS = [
  {
    name: 'NestJS',
    x: SKIN.x,
    width: 296,
    source: ['@Cron(EVERY_5_SECONDS)', "@DistributedLock({ key: 'report' })", 'async report() { … }'],
    entersAt: { x: 192, y: SKIN.y },
  },
  {
    name: 'Plain TypeScript',
    x: GAP.from,
    width: 290,
    source: ["await locks.withLock('invoice:7',", '  async ({ token, signal }) => {', '    … });'],
    entersAt: { x: (GAP.from + GAP.to) / 2, y: SKIN.y + RING_HEAD },
  },
];

/** Draws the user's code and the ring that it calls. */
export const callers = (theme: Theme): string =>
  CALLERS.map(({ name, x, width, source, entersAt }) => {
    const box = { x, y: TOP, width, height: HEIGHT };
    return [
      rect(box, { fill: theme.ground, stroke: theme.line, radius: 8 }),
      text(x + 14, TOP + 20, name, { size: 12, weight: 600, fill: theme.muted }),
      code(x + 14, TOP + 41, source, width - 28, theme),
      arrow(entersAt.x, TOP + HEIGHT, entersAt.x, entersAt.y - 1, theme.muted),
    ].join('');
  }).join('');
