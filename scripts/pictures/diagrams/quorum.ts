import { majorityOf, verdictOf } from '../../../src/core/quorum.js';
import { heading } from '../drawing/heading.js';
import { arrow, badge, card, curve, cylinder, line, pill, rect } from '../drawing/shapes.js';
import { svgFile } from '../drawing/svg.js';
import { lines, text } from '../drawing/text.js';
import type { Hue, Theme } from '../drawing/theme.js';
import { fencing } from './fencing.js';
import type { NodeAnswer, QuorumRun } from './quorum-run.js';

const HOLDER = { x: 28, y: 96, width: 176, height: 262 };
const LANES = { x: 300, top: 96, height: 54, right: 652 };
const RESULT = { x: 676, y: 96, width: 196, height: 262 };
/** The place of the third grant on the time scale of the lanes. */
const DECIDED_X = 520;

export function quorum(run: QuorumRun, theme: Theme): string {
  const { answers, decidedAfterMs, token } = run;
  const granted = answers.filter(({ vote }) => vote === 'granted');
  checkClaims(run, granted.length);
  const inOrder = answers.toSorted((one, other) => one.node.localeCompare(other.node));
  return svgFile(
    {
      width: 900,
      height: 560,
      title: 'Three grants of five nodes are a lock',
      description: [
        'A worker asks five nodes at once. Three grant, one is slow and one is dead.',
        `The third grant is a majority: after ${ms(decidedAfterMs)} the lease begins, with token ${token}.`,
        'Nobody waits for the other two.',
        `The store refuses a late write of the previous holder, whose token is ${run.earlierToken}.`,
      ],
      body: [
        heading(
          'Three grants of five are a lock',
          'One node is slow and one is dead. The third grant decides, and nobody waits for the other two.',
          theme,
        ),
        holder(theme),
        ...inOrder.map((answer, index) => lane(answer, index, run, theme)),
        decision(decidedAfterMs, theme),
        result(run, theme),
        fencing(run, theme),
      ],
    },
    theme,
  );
}

/** Throws unless the run is as the words in the picture say. */
function checkClaims({ answers, decidedAfterMs }: QuorumRun, granted: number): void {
  const majority = majorityOf(answers.length);
  const decided = verdictOf(majority, granted, answers.length - majority) === 'won';
  const last = Math.max(...answers.flatMap(({ vote, afterMs }) => (vote === 'granted' ? [afterMs] : [])));
  if (!decided || granted !== 3 || majority !== 3 || last !== decidedAfterMs || answers.length !== 5)
    throw new Error('the run is not what the picture says');
}

const ms = (duration: number): string => `${duration.toFixed(1)} ms`;

const laneY = (index: number): number => LANES.top + index * LANES.height;

function holder(theme: Theme): string {
  const middle = HOLDER.x + HOLDER.width / 2;
  const code = { size: 12, mono: true, anchor: 'middle', within: HOLDER.width - 8 } as const;
  return [
    card(HOLDER, theme),
    text(middle, 206, 'worker A', { size: 15, weight: 600, anchor: 'middle' }),
    lines(middle, 232, ["acquire('invoice:7')"], code),
    lines(middle, 258, ['asks all nodes at once'], { size: 12.5, fill: theme.muted, anchor: 'middle' }),
  ].join('');
}

interface Manner {
  readonly hue: Hue;
  readonly sign: 'check' | 'cross' | 'dots';
  readonly says: string;
  /** The end of its bar. */
  readonly to: number;
}

function mannerOf(
  { vote, afterMs }: NodeAnswer,
  { decidedAfterMs, token, nodeTimeoutMs }: QuorumRun,
  theme: Theme,
): Manner {
  const to = LANES.x + ((DECIDED_X - LANES.x) * afterMs) / decidedAfterMs;
  switch (vote) {
    case 'granted':
      return { hue: theme.green, sign: 'check', says: `granted after ${ms(afterMs)}, counter ${token}`, to };
    case 'timeout':
      return {
        hue: theme.amber,
        sign: 'dots',
        says: `no answer yet: it has ${nodeTimeoutMs} ms`,
        to: LANES.right - 8,
      };
    case 'unreachable':
      return { hue: theme.red, sign: 'cross', says: 'dead: the connection is refused', to: LANES.x + 34 };
    default:
      throw new Error(`the picture knows no vote "${vote}"`);
  }
}

function lane(answer: NodeAnswer, index: number, run: QuorumRun, theme: Theme): string {
  const { hue, sign, says, to } = mannerOf(answer, run, theme);
  const top = laneY(index);
  const y = top + 34;
  const from = HOLDER.x + HOLDER.width;
  const start = HOLDER.y + HOLDER.height / 2;
  const way = `M${from} ${start}C${from + 30} ${start} ${from + 18} ${top + 24} 247 ${top + 24}`;
  const dash = sign === 'check' ? {} : { dash: '4 4' };
  return [
    curve(way, hue.solid, dash),
    cylinder({ x: 248, y: top + 4, width: 36, height: 40 }, hue.soft, hue.solid),
    text(266, top + 33, String(index + 1), { size: 13, weight: 600, anchor: 'middle', fill: hue.text }),
    text(LANES.x, top + 18, says, { size: 12.5, fill: hue.text, within: DECIDED_X - LANES.x + 6 }),
    sign === 'dots'
      ? arrow(LANES.x, y, to, y, hue.solid, '4 4')
      : curve(`M${LANES.x} ${y}H${to}`, hue.solid, { width: 3 }),
    sign === 'dots' ? '' : badge(to, y, sign, hue, theme.ground),
  ].join('');
}

/** Draws the instant of the third grant across all lanes. */
const decision = (decidedAfterMs: number, { blue, ground }: Theme): string =>
  [
    line(DECIDED_X, laneY(0) - 6, DECIDED_X, laneY(2) + 25, blue.solid, '3 3'),
    line(DECIDED_X, laneY(2) + 43, DECIDED_X, laneY(5) - 8, blue.solid, '3 3'),
    curve(`M${DECIDED_X + 9} ${laneY(2) + 34}H${RESULT.x - 9}`, blue.solid, { width: 2 }),
    arrow(RESULT.x - 12, laneY(2) + 34, RESULT.x - 1, laneY(2) + 34, blue.solid),
    rect({ x: DECIDED_X + 24, y: laneY(0) - 2, width: 110, height: 22 }, { fill: ground }),
    pill(DECIDED_X + 62, laneY(0) + 10, `${ms(decidedAfterMs)}: decided`, blue),
  ].join('');

function result({ token, answers }: QuorumRun, theme: Theme): string {
  const middle = RESULT.x + RESULT.width / 2;
  const { blue, muted } = theme;
  const look = { anchor: 'middle', within: RESULT.width - 12 } as const;
  return [
    rect(RESULT, { fill: blue.soft, stroke: blue.solid, radius: 8 }),
    text(middle, 146, `${majorityOf(answers.length)} of ${answers.length}`, {
      size: 28,
      weight: 600,
      fill: blue.text,
      ...look,
    }),
    text(middle, 168, 'a majority: worker A has it', { size: 12.5, ...look }),
    line(RESULT.x + 20, 188, RESULT.x + RESULT.width - 20, 188, blue.solid),
    lines(middle, 212, ['Any two majorities share', 'a node. It refuses whoever', 'comes second.'], {
      size: 12.5,
      fill: muted,
      ...look,
    }),
    line(RESULT.x + 20, 268, RESULT.x + RESULT.width - 20, 268, blue.solid),
    text(middle, 304, `token ${token}`, { size: 22, weight: 600, fill: blue.text, ...look }),
    lines(middle, 326, ['the highest counter of', 'the three grants'], {
      size: 12.5,
      fill: muted,
      ...look,
      leading: 17,
    }),
  ].join('');
}
