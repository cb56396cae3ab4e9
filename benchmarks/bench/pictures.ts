/** Draws the pictures from the results: bars that are readable on light and on dark backgrounds. */
import { contendedCell, distanceCell, heldCell, uncontendedCell, waitingCell } from './cells.js';
import { digits } from './render.js';
import { bySubject, lostIn, spreadOf, type Results, type Row } from './results.js';
import { BATCHED_FLOOR, FLOOR, PIPELINED_FLOOR } from './subjects.js';

interface Panel {
  readonly title: string;
  readonly scenario: string;
  readonly cell: string;
  readonly figure: string;
  readonly unit: string;
  readonly better: 'more' | 'less';
}

const BUSY: Panel = {
  title: 'Locks taken and released a second, 128 at a time, on five servers',
  scenario: 'uncontended',
  cell: uncontendedCell(5, 128),
  figure: 'perSecond',
  unit: 'a second',
  better: 'more',
};
const SOME: Panel = {
  ...BUSY,
  title: 'Locks taken and released a second, 16 at a time, on five servers',
  cell: uncontendedCell(5, 16),
};
const LONE: Panel = {
  ...BUSY,
  title: 'Time to take and release a lone lock, on five servers: median',
  cell: uncontendedCell(5, 1),
  figure: 'p50',
  unit: 'ms',
  better: 'less',
};
const FAR: Panel = {
  ...LONE,
  title: 'Time to take and release a lone lock, five servers 1 ms away: median',
  scenario: 'distance',
  cell: distanceCell(1, 1),
};
const FAR_BUSY: Panel = {
  ...BUSY,
  title: 'Locks taken and released a second, 128 at a time, five servers 1 ms away',
  scenario: 'distance',
  cell: distanceCell(1, 128),
};
const CROWD: Panel = {
  title: 'Turns a second, where 64 callers in four processes want the same lock',
  scenario: 'contended',
  cell: contendedCell(64, 4, 0),
  figure: 'perSecond',
  unit: 'a second',
  better: 'more',
};
const QUEUES: Panel = {
  ...CROWD,
  title: 'Turns a second, where 10,000 callers in eight processes want 1,000 locks',
  scenario: 'waiting',
  cell: waitingCell(10_000, 8, 1_000),
};
const FLEET: Panel = {
  ...QUEUES,
  title: 'Turns a second, where 1,000 callers in 32 processes want the same lock',
  cell: waitingCell(1_000, 32, 1),
};
const HELD_CPU: Panel = {
  title: 'Processor time to keep 10,000 locks for 30 seconds',
  scenario: 'held',
  cell: heldCell(10_000),
  figure: 'cpuSeconds',
  unit: 's',
  better: 'less',
};
const HELD_HEAP: Panel = {
  ...HELD_CPU,
  title: 'Memory for each of 10,000 locks that are kept',
  figure: 'heapBytes',
  unit: 'bytes',
};

/** The pictures by file name. */
const PICTURES: Readonly<Record<string, readonly Panel[]>> = {
  'bench.svg': [BUSY, CROWD, HELD_CPU],
  'bench-uncontended.svg': [BUSY, SOME, LONE],
  'bench-distance.svg': [FAR, FAR_BUSY],
  'bench-contended.svg': [CROWD],
  'bench-waiting.svg': [QUEUES, FLEET],
  'bench-held.svg': [HELD_CPU, HELD_HEAP],
};

/** What the colours mean, for those who see nothing but the picture. */
const KINDS: readonly (readonly [kind: Row['kind'], text: string])[] = [
  ['quorlock', 'quorlock'],
  ['peer', 'other libraries, each with its best settings'],
  ['floor', 'bare commands by hand, without any safety'],
];

/** The floors in words. */
const FLOORS: ReadonlyMap<string, string> = new Map([
  [FLOOR.name, 'SET and DEL'],
  [PIPELINED_FLOOR.name, 'SET and DEL, pipelined'],
  [BATCHED_FLOOR.name, 'SET and DEL, many in one script'],
]);

const WIDTH = 760;
const LABEL = 312;
const VALUE = 150;
const LINE = 22;
const TITLE = 34;
/** The height of what explains the colours. */
const LEGEND = 30;

/** File names and contents. Panels without figures are left out, and so are pictures without panels. */
export function renderPictures({ rows }: Results): [file: string, svg: string][] {
  return Object.entries(PICTURES).flatMap(([file, panels]) => {
    const svg = picture(panels, rows);
    return svg === undefined ? [] : [[file, svg]];
  });
}

const STYLE = [
  'text{fill:#57606a}',
  '.t{font-weight:600}',
  '.quorlock{fill:#2f81f7}',
  '.peer{fill:#9a7fd1}',
  '.floor{fill:#8b949e}',
  '@media(prefers-color-scheme:dark){text{fill:#b1bac4}}',
].join('');

function picture(panels: readonly Panel[], rows: readonly Row[]): string | undefined {
  const drawn = panels.map((panel) => ({ panel, bars: barsOf(panel, rows) }));
  const filled = drawn.filter(({ bars }) => bars.length > 0);
  if (filled.length === 0) return undefined;
  const shown = KINDS.filter(([kind]) => filled.some(({ bars }) => bars.some((bar) => bar.kind === kind)));
  const parts = [legend(shown)];
  let top = LEGEND;
  for (const { panel, bars } of filled) {
    parts.push(panelOf(panel, bars, top));
    top += TITLE + bars.length * LINE + 14;
  }
  const size = `width="${WIDTH}" height="${top}" viewBox="0 0 ${WIDTH} ${top}"`;
  const font = 'font-family="system-ui, sans-serif" font-size="13"';
  const told = filled.map(({ panel, bars }) => `${panel.title}: ${bars.map(inWords(panel)).join(', ')}.`);
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="t d" ${size} ${font}>
<title id="t">quorlock against other libraries and bare commands</title>
<desc id="d">${escaped(told.join(' '))}</desc>
<style>${STYLE}</style>
${parts.join('\n')}
</svg>
`;
}

const inWords =
  ({ unit }: Panel) =>
  ({ label, value }: Bar): string =>
    `${label} ${digits(value)} ${unit}`;

function legend(shown: typeof KINDS): string {
  let x = 0;
  return shown
    .map(([kind, text]) => {
      const at = x;
      // A letter of this size is 6.8 wide on average: the next entry needs no exact place.
      x += 18 + text.length * 6.8 + 22;
      return (
        `<rect class="${kind}" x="${at.toFixed(0)}" y="6" width="12" height="12" rx="2"/>` +
        `<text x="${(at + 18).toFixed(0)}" y="17">${escaped(text)}</text>`
      );
    })
    .join('');
}

interface Bar {
  readonly label: string;
  readonly kind: Row['kind'];
  readonly value: number;
}

function barsOf({ scenario, cell, figure, better }: Panel, rows: readonly Row[]): Bar[] {
  const own = rows.filter((row) => row.scenario === scenario && row.cell === cell);
  const bars = [...bySubject(own)].flatMap(([subject, all]) => {
    const value = spreadOf(all, figure)?.median;
    const [first] = all;
    if (first === undefined || value === undefined) return [];
    const lost = lostIn(all);
    const [library = subject, pause] = subject.split(', ');
    const name = pause === undefined ? library : `${library}, every ${pause}`;
    const label = lost > 0 ? `${name} (${lost.toLocaleString('en-US')} lost)` : name;
    return [{ library, bar: { label: FLOORS.get(label) ?? label, kind: first.kind, value } }];
  });
  // A library that stands there with several settings is shown with the best ones.
  const best = new Map<string, Bar>();
  for (const { library, bar } of bars) {
    const other = best.get(library);
    const isBetter = other === undefined || (better === 'more') === bar.value > other.value;
    if (isBetter && bar.value !== other?.value) best.set(library, bar);
  }
  return [...best.values()];
}

function panelOf({ title, unit, better }: Panel, bars: readonly Bar[], top: number): string {
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
  const sense = better === 'more' ? 'longer bars are better' : 'shorter bars are better';
  const head = `<text x="0" y="${top + 20}"><tspan class="t">${escaped(title)}</tspan> (${sense})</text>`;
  return [head, ...lines].join('\n');
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
