import { heading } from '../drawing/heading.js';
import { arrowHead, line, pill, rect } from '../drawing/shapes.js';
import { svgFile } from '../drawing/svg.js';
import { text } from '../drawing/text.js';
import type { Theme } from '../drawing/theme.js';
import { askingsLane } from './lease-askings.js';
import { leaseEnd } from './lease-end.js';
import { xOf } from './lease-scale.js';
import { grantsOf, type Grant, type LeaseRun } from './lease-run.js';
import { checkClaims } from './lease-claims.js';

const HELD_Y = 96;
const GRANTS_Y = 146;
const GRANT_PITCH = 38;
const BAR = 28;
const AXIS_Y = 348;
const LAST_TICK_MS = 3_500;

export function leaseTimeline(run: LeaseRun, theme: Theme): string {
  checkClaims(run);
  const { ttlMs, driftMs, marginMs, lostAt } = run;
  return svgFile(
    {
      width: 900,
      height: 584,
      title: 'The life of one lease',
      description: [
        `A lease with a TTL of ${ttlMs} ms, in virtual time. It is extended after a third of the TTL.`,
        'The next extension fails, and is tried again a tenth of the TTL later.',
        `Then no node answers: three extensions fail. After ${lostAt} ms the holder is told of the loss.`,
        `That is ${marginMs} ms before validity ends. Validity is the TTL less ${driftMs} ms for drift.`,
        'So the keys expire after the end of validity.',
      ],
      body: [
        heading(
          'The life of one lease',
          `A run in virtual time; the TTL is ${ttlMs} ms. First two of three nodes are down, then all hang.`,
          theme,
        ),
        grid(theme),
        held(run, theme),
        ...grantsOf(run).map((grant, index) => bar(grant, index, run, theme)),
        legend(run, theme),
        askingsLane(run, 274, theme),
        axis(theme),
        leaseEnd(run, AXIS_Y + 20, theme),
      ],
    },
    theme,
  );
}

const ticks = Array.from({ length: LAST_TICK_MS / 500 + 1 }, (_, index) => index * 500);

const grid = ({ line: stroke }: Theme): string =>
  ticks.map((at) => line(xOf(at), HELD_Y - 8, xOf(at), AXIS_Y - 18, stroke, '1 4')).join('');

const axis = ({ muted }: Theme): string =>
  ticks
    .map((at) =>
      text(xOf(at), AXIS_Y, at === 0 ? '0' : `${at} ms`, { size: 12, anchor: 'middle', fill: muted }),
    )
    .join('');

/** Draws how long the holder has the lock. */
function held({ lostAt }: LeaseRun, { green, red, ink }: Theme): string {
  const from = xOf(0);
  const to = xOf(lostAt);
  return [
    rect(
      { x: from, y: HELD_Y, width: to - from, height: 32 },
      { fill: green.soft, stroke: green.solid, radius: 6 },
    ),
    text(from + 12, HELD_Y + 21, 'held: the work goes on, and remainingMs() is above zero', { fill: ink }),
    pill(to + 26, HELD_Y + 16, 'lost', red),
  ].join('');
}

/** Draws one grant: its validity, the margin of loss at the end of it, and the drift. */
function bar({ sentAt, says, replacedAt }: Grant, index: number, run: LeaseRun, theme: Theme): string {
  const { ttlMs, driftMs, marginMs } = run;
  const { blue, amber, gray, ink } = theme;
  const y = GRANTS_Y + index * GRANT_PITCH;
  const from = xOf(sentAt);
  const validTo = xOf(sentAt + ttlMs - driftMs);
  const tellTo = xOf(sentAt + ttlMs - driftMs - marginMs);
  const end = xOf(sentAt + ttlMs);
  const replaced = replacedAt === undefined ? '' : replacedBar(xOf(replacedAt), y, theme);
  return [
    rect({ x: from, y, width: tellTo - from, height: BAR }, { fill: blue.soft }),
    rect({ x: tellTo, y, width: validTo - tellTo, height: BAR }, { fill: amber.solid, opacity: 0.6 }),
    rect({ x: validTo, y, width: end - validTo, height: BAR }, { fill: gray.solid, opacity: 0.6 }),
    rect({ x: from, y, width: end - from, height: BAR }, { stroke: blue.solid, radius: 3 }),
    text(from + 10, y + 19, says, { size: 12.5, fill: ink, within: tellTo - from - 16 }),
    replaced,
  ].join('');
}

const replacedBar = (x: number, y: number, { blue }: Theme): string =>
  line(x, y + BAR, x, y + GRANT_PITCH - 2, blue.solid) + arrowHead(x, y + GRANT_PITCH - 1, 90, blue.solid);

/** Explains the ends of the bars. */
function legend({ marginMs, driftMs }: LeaseRun, { amber, gray, muted }: Theme): string {
  const entries = [
    { hue: amber, says: `margin, ${marginMs} ms` },
    { hue: gray, says: `drift, ${driftMs} ms` },
  ];
  return entries
    .map(({ hue, says }, index) => {
      const y = GRANTS_Y + 2 + index * 20;
      const swatch = rect({ x: 690, y, width: 12, height: 12 }, { fill: hue.solid, opacity: 0.6, radius: 2 });
      return swatch + text(710, y + 10.5, says, { size: 12.5, fill: muted, within: 160 });
    })
    .join('');
}
