import { heading } from '../drawing/heading.js';
import { pill, rect } from '../drawing/shapes.js';
import { svgFile } from '../drawing/svg.js';
import { spans, text } from '../drawing/text.js';
import type { Theme } from '../drawing/theme.js';
import { callers } from './architecture-callers.js';
import { nodes, observers, rules } from './architecture-outside.js';
import { GAP, PROCESS, RING_HEAD, RING_INSET, RINGS_BOTTOM, SKIN } from './architecture-places.js';

interface Ring {
  readonly name: string;
  readonly what: string;
}

/** The outermost first, without the skins around them. */
const RINGS: readonly Ring[] = [
  { name: 'index', what: 'the public names' },
  { name: 'lock', what: 'all voters: rounds, leases, waiting, stalls' },
  { name: 'api', what: 'options, events, errors, the lease' },
  { name: 'node', what: 'one voter: a Redis server, or memory' },
];

export function architecture(theme: Theme): string {
  return svgFile(
    {
      width: 900,
      height: 652,
      title: 'How quorlock is built',
      description: [
        'In each of your processes a Nest decorator or plain TypeScript calls quorlock.',
        'quorlock is made of rings. The skins nestjs and prometheus know only the index.',
        'The index knows lock, lock knows api, api knows node, and node knows core.',
        'No import leads outwards.',
        'The ring node asks N independent Redis servers.',
        'Prometheus scrapes the skin prometheus, and Grafana queries Prometheus.',
      ],
      body: [
        heading(
          'How quorlock is built',
          'Rings whose imports point inwards only, over N independent Redis servers.',
          theme,
        ),
        process(theme),
        callers(theme),
        skins(theme),
        ...RINGS.map((ring, depth) => ringOf(ring, depth, theme)),
        core(theme),
        observers(theme),
        rules(theme),
        nodes(theme),
      ],
    },
    theme,
  );
}

const process = ({ gray, ground, line: stroke, ...theme }: Theme): string =>
  rect(PROCESS, { fill: theme.card, stroke: gray.solid, radius: 12, dash: '5 4' }) +
  pill(PROCESS.x + 108, PROCESS.y, 'each of your processes', {
    solid: stroke,
    soft: ground,
    text: theme.muted,
  });

/** Draws the outermost ring: two halves that do not know each other. */
function skins({ rings: [fill = 'none'], blue, ink }: Theme): string {
  const right = SKIN.x + SKIN.width;
  const halves = [
    { name: 'quorlock/nestjs', from: SKIN.x, to: GAP.from },
    { name: 'quorlock/prometheus', from: GAP.to, to: right },
  ];
  return halves
    .map(({ name, from, to }) => {
      const box = { x: from, y: SKIN.y, width: to - from, height: RINGS_BOTTOM - SKIN.y };
      const label = {
        size: 13,
        weight: 600,
        mono: true,
        fill: ink,
        anchor: 'middle',
        within: box.width - 20,
      } as const;
      return (
        rect(box, { fill, stroke: blue.solid, radius: 10 }) + text((from + to) / 2, SKIN.y + 24, name, label)
      );
    })
    .join('');
}

function ringOf({ name, what }: Ring, depth: number, { rings, blue, ink }: Theme): string {
  const inset = RING_INSET * (depth + 1);
  const y = SKIN.y + RING_HEAD * (depth + 1);
  const box = { x: SKIN.x + inset, y, width: SKIN.width - 2 * inset, height: RINGS_BOTTOM - y };
  const label = [
    [name, { weight: 600, mono: true }],
    [`   ${what}`, { size: 12.5 }],
  ] as const;
  return (
    rect(box, { fill: rings[depth + 1] ?? 'none', stroke: blue.solid, radius: 10 }) +
    spans(box.x + box.width / 2, y + 24, label, { fill: ink, anchor: 'middle', within: box.width - 16 })
  );
}

function core({ rings }: Theme): string {
  const inset = RING_INSET * (RINGS.length + 1);
  const y = SKIN.y + RING_HEAD * (RINGS.length + 1);
  const box = { x: SKIN.x + inset, y, width: SKIN.width - 2 * inset, height: 30 };
  const label = [
    ['core', { weight: 600, mono: true }],
    ['   pure rules: no I/O, no clock', { size: 12.5 }],
  ] as const;
  return (
    rect(box, { fill: rings.at(-1) ?? 'none', radius: 8 }) +
    spans(box.x + box.width / 2, y + 20, label, { fill: '#ffffff', anchor: 'middle', within: box.width - 8 })
  );
}
