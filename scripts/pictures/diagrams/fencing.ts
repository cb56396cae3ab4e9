import { arrow, badge, card, line, rect } from '../drawing/shapes.js';
import { lines, text } from '../drawing/text.js';
import type { Theme } from '../drawing/theme.js';
import type { QuorumRun } from './quorum-run.js';

const TOP = 414;
const HEIGHT = 104;
const EARLIER = { x: 28, y: TOP, width: 232, height: HEIGHT };
const STORE = { x: 366, y: TOP, width: 168, height: HEIGHT };
const HOLDER = { x: 640, y: TOP, width: 232, height: HEIGHT };

/** Draws the use of the token: the store refuses the earlier one of two writers. */
export function fencing({ token, earlierToken }: QuorumRun, theme: Theme): string {
  const { red, blue, muted, ground, ink } = theme;
  const y = TOP + HEIGHT / 2 + 4;
  const name = { size: 14, weight: 600, anchor: 'middle', fill: ink } as const;
  const what = { size: 12.5, anchor: 'middle', fill: muted } as const;
  const middleOf = ({ x, width }: { x: number; width: number }): number => x + width / 2;
  return [
    line(28, 384, 872, 384, theme.line),
    rect(EARLIER, { fill: red.soft, stroke: red.solid, radius: 8, dash: '5 4' }),
    text(middleOf(EARLIER), TOP + 34, `worker B, token ${earlierToken}`, name),
    lines(middleOf(EARLIER), TOP + 58, ['was paused, and its lease is over.', 'It does not know that yet.'], {
      ...what,
      within: 224,
    }),
    card(STORE, theme),
    text(middleOf(STORE), TOP + 34, 'your store', name),
    lines(middleOf(STORE), TOP + 58, ['refuses a token below', 'the highest it has seen'], {
      ...what,
      within: 160,
    }),
    rect(HOLDER, { fill: blue.soft, stroke: blue.solid, radius: 8 }),
    text(middleOf(HOLDER), TOP + 34, `worker A, token ${token}`, name),
    lines(middleOf(HOLDER), TOP + 58, ['sends its token along', 'with every write.'], what),
    arrow(260, y, 364, y, red.solid, '5 4'),
    badge(308, y, 'cross', red, ground),
    text(312, y - 18, 'refused', { size: 12.5, weight: 600, anchor: 'middle', fill: red.text }),
    arrow(640, y, 536, y, theme.green.solid),
    badge(590, y, 'check', theme.green, ground),
    text(588, y - 18, 'accepted', { size: 12.5, weight: 600, anchor: 'middle', fill: theme.green.text }),
    text(450, TOP + HEIGHT + 24, 'The fencing token makes a late write harmless.', { ...what, size: 12.5 }),
  ].join('');
}
