/** Draws the pictures from the results: bars that are readable on light and on dark backgrounds. */
import { contendedCell, heldCell, uncontendedCell } from './cells.js';
import { digits } from './render.js';
import { bySubject, lostIn, spreadOf, type Results, type Row } from './results.js';

interface Panel {
  readonly title: string;
  readonly scenario: string;
  readonly cell: string;
  readonly figure: string;
  readonly unit: string;
}

const BUSY: Panel = {
  title: 'acquire + release, 5 nodes, 128 in flight: more is better',
  scenario: 'uncontended',
  cell: uncontendedCell(5, 128),
  figure: 'perSecond',
  unit: 'cycles/s',
};
const SOME: Panel = {
  ...BUSY,
  title: 'acquire + release, 5 nodes, 16 in flight: more is better',
  cell: uncontendedCell(5, 16),
};
const LONE: Panel = {
  ...BUSY,
  title: 'acquire + release, 5 nodes, one at a time, median: less is better',
  cell: uncontendedCell(5, 1),
  figure: 'p50',
  unit: 'ms',
};
const CROWD: Panel = {
  title: 'one resource, 64 waiters in 4 processes: more is better',
  scenario: 'contended',
  cell: contendedCell(64, 4, 0),
  figure: 'perSecond',
  unit: 'hand-offs/s',
};
const HELD_CPU: Panel = {
  title: '10,000 leases that extend themselves: less is better',
  scenario: 'held',
  cell: heldCell(10_000),
  figure: 'cpuSeconds',
  unit: 's of CPU in 30 s',
};
const HELD_HEAP: Panel = {
  ...HELD_CPU,
  title: '10,000 leases that extend themselves, memory: less is better',
  figure: 'heapBytes',
  unit: 'bytes of heap per lease',
};

/** The pictures by file name. */
const PICTURES: Readonly<Record<string, readonly Panel[]>> = {
  'bench.svg': [BUSY, CROWD, HELD_CPU],
  'bench-uncontended.svg': [BUSY, SOME, LONE],
  'bench-contended.svg': [CROWD],
  'bench-held.svg': [HELD_CPU, HELD_HEAP],
};

const WIDTH = 760;
const LABEL = 270;
const VALUE = 150;
const LINE = 22;
const TITLE = 34;

/** File names and contents. Panels without figures are left out. */
export function renderPictures({ rows }: Results): [file: string, svg: string][] {
  return Object.entries(PICTURES).map(([file, panels]) => [file, picture(panels, rows)]);
}

const STYLE = [
  'text{fill:#57606a}',
  '.t{font-weight:600}',
  '.quorlock{fill:#2f81f7}',
  '.peer{fill:#9a7fd1}',
  '.floor{fill:#8b949e}',
  '@media(prefers-color-scheme:dark){text{fill:#b1bac4}}',
].join('');

function picture(panels: readonly Panel[], rows: readonly Row[]): string {
  let top = 0;
  const parts: string[] = [];
  for (const panel of panels) {
    const bars = barsOf(panel, rows);
    if (bars.length === 0) continue;
    parts.push(panelOf(panel, bars, top));
    top += TITLE + bars.length * LINE + 14;
  }
  const size = `width="${WIDTH}" height="${top}" viewBox="0 0 ${WIDTH} ${top}"`;
  const font = 'font-family="system-ui, sans-serif" font-size="13"';
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${font}>
<style>${STYLE}</style>
${parts.join('\n')}
</svg>
`;
}

interface Bar {
  readonly label: string;
  readonly kind: Row['kind'];
  readonly value: number;
}

function barsOf({ scenario, cell, figure }: Panel, rows: readonly Row[]): Bar[] {
  const own = rows.filter((row) => row.scenario === scenario && row.cell === cell);
  return [...bySubject(own)].flatMap(([subject, all]) => {
    const value = spreadOf(all, figure)?.median;
    const [first] = all;
    if (first === undefined || value === undefined) return [];
    const lost = lostIn(all);
    const label = lost > 0 ? `${subject} (${lost.toLocaleString('en-US')} lost)` : subject;
    return [{ label, kind: first.kind, value }];
  });
}

function panelOf({ title, unit }: Panel, bars: readonly Bar[], top: number): string {
  const longest = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE);
  const room = WIDTH - LABEL - VALUE;
  const lines = bars.map(({ label, kind, value }, at) => {
    const y = top + TITLE + at * LINE;
    const width = Math.max(1, (Math.max(0, value) / longest) * room).toFixed(1);
    const text = `${digits(value)}${at === 0 ? ` ${unit}` : ''}`;
    return [
      `<text x="${LABEL - 8}" y="${y + 12}" text-anchor="end">${escaped(label)}</text>`,
      `<rect class="${kind}" x="${LABEL}" y="${y}" width="${width}" height="15" rx="2"/>`,
      `<text x="${LABEL + Number(width) + 6}" y="${y + 12}">${escaped(text)}</text>`,
    ].join('');
  });
  return [`<text class="t" x="0" y="${top + 20}">${escaped(title)}</text>`, ...lines].join('\n');
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
