/** Makes benchmarks/bench.md from the results. */
import { bestPeer, bySubject, cellsOf, spreadOf, type Results, type Row } from './results.js';
import { BATCHED_FLOOR, FLOOR, PIPELINED_FLOOR } from './subjects.js';
import { targets } from './targets.js';
import { wrapped } from '../wrap.js';

interface Column {
  readonly figure: string;
  readonly title: string;
}

interface Section {
  readonly scenario: string;
  readonly title: string;
  /** Who should look at it, and what for. */
  readonly concerns: string;
  readonly columns: readonly Column[];
  /** Whether more or less is better. Without it there are no ratios. */
  readonly better?: 'more' | 'less';
}

const THROUGHPUT: readonly Column[] = [
  { figure: 'perSecond', title: 'cycles/s' },
  { figure: 'p50', title: 'p50 ms' },
  { figure: 'p99', title: 'p99 ms' },
];
/** Columns that are shown only if there are figures for them. */
const ERRORS: Column = { figure: 'errors', title: 'errors' };
const TROUBLE: readonly Column[] = [ERRORS, { figure: 'unfinished', title: 'unfinished' }];
const CPU: Column = { figure: 'cpuUs', title: 'client CPU µs/cycle' };

/** The columns of each table. Ratios are made of the first. */
const SECTIONS: readonly Section[] = [
  {
    scenario: 'uncontended',
    title: 'Uncontended: acquire and release',
    concerns:
      'For everybody who takes locks that are mostly free. 1 in flight is a cron job or a single ' +
      'request: its time is what a caller waits. 16 and 128 are a busy web service: its throughput ' +
      'is how many requests a process can lock.',
    columns: [...THROUGHPUT, CPU, ...TROUBLE],
    better: 'more',
  },
  {
    scenario: 'open',
    title: 'Open load: cycles that begin at a fixed rate, N = {n}',
    concerns:
      'For services whose requests come whether or not the earlier ones are through. The p99 is ' +
      'what one request in a hundred waits at that rate, stalls included.',
    columns: [
      { figure: 'p99', title: 'p99 ms' },
      { figure: 'p50', title: 'p50 ms' },
      { figure: 'perSecond', title: 'cycles/s done' },
      ...TROUBLE,
    ],
    better: 'less',
  },
  {
    scenario: 'distance',
    title: 'Distance: a network between the client and the nodes, N = {n}',
    concerns:
      'For everybody whose servers are on other machines: with a network in between, it is mostly the ' +
      'number of round trips that a caller waits for. One far node is a third data centre: it should not ' +
      'be felt while the others answer.',
    columns: [
      ...THROUGHPUT,
      CPU,
      { figure: 'pingMs', title: 'PING ms' },
      { figure: 'lateP50', title: 'late p50 ms' },
      { figure: 'lateP99', title: 'late p99 ms' },
      ...TROUBLE,
    ],
    better: 'more',
  },
  {
    scenario: 'contended',
    title: 'Contended: one resource, N = {n}',
    concerns:
      'For many callers that want the same thing: a queue of one, a hot account. It matters how ' +
      'many get their turn in a second, that nobody is left out, and how much the servers are asked ' +
      'meanwhile.',
    columns: [
      { figure: 'perSecond', title: 'hand-offs/s' },
      { figure: 'p50', title: 'hand-off p50 ms' },
      { figure: 'p99', title: 'hand-off p99 ms' },
      { figure: 'commands', title: 'commands per hand-off' },
      { figure: 'least', title: 'least served' },
      { figure: 'most', title: 'most served' },
      { figure: 'starved', title: 'starved' },
      { figure: 'overlaps', title: 'overlaps' },
      ERRORS,
    ],
    better: 'more',
  },
  {
    scenario: 'waiting',
    title: 'Waiting at scale: very many waiters, N = {n}',
    concerns:
      'For whole fleets that wait: every instance of a service behind one leader, or a queue for each ' +
      'customer. It matters that nobody is left out, and that the servers are asked no more often because ' +
      'more processes wait.',
    columns: [
      { figure: 'perSecond', title: 'hand-offs/s' },
      { figure: 'p50', title: 'hand-off p50 ms' },
      { figure: 'p99', title: 'hand-off p99 ms' },
      { figure: 'commands', title: 'commands per hand-off' },
      { figure: 'least', title: 'least served' },
      { figure: 'most', title: 'most served' },
      { figure: 'starved', title: 'starved' },
      { figure: 'overlaps', title: 'overlaps' },
      { figure: 'lists', title: 'wait lists on a node' },
      { figure: 'listBytes', title: 'their bytes' },
      ERRORS,
    ],
    better: 'more',
  },
  {
    scenario: 'held',
    title: 'Held: leases that extend themselves, TTL 10 s, N = {n}',
    concerns:
      'For long jobs, leaders and sessions: leases that are kept for minutes. It is what a process ' +
      'pays for them while nothing happens.',
    columns: [
      { figure: 'cpuSeconds', title: 'client CPU s per 30 s' },
      { figure: 'heapBytes', title: 'heap bytes per lease' },
      { figure: 'rssBytes', title: 'RSS bytes per lease' },
      { figure: 'commandsPerSecond', title: 'commands/s' },
      { figure: 'lost', title: 'lost' },
      ERRORS,
    ],
    better: 'less',
  },
  {
    scenario: 'down',
    title: 'Nodes down: 16 in flight, N = {n}',
    concerns: "For everybody: it is what a failure of one or two servers does to the others' pace.",
    columns: [...THROUGHPUT, CPU, ...TROUBLE],
    better: 'more',
  },
  {
    scenario: 'memory',
    title: 'Memory on a node: distinct keys, each locked and released once',
    concerns:
      'For those who lock a new name each time, such as an order or a message: it is what stays on ' +
      'the servers.',
    columns: [
      { figure: 'bytes', title: 'bytes per key, released' },
      { figure: 'keysLeft', title: 'keys left per key' },
      { figure: 'bytesExpired', title: 'bytes per key, all expired' },
    ],
  },
  {
    scenario: 'features',
    title: 'What the features cost: quorlock, N = {n}, 128 in flight',
    concerns: 'For those who wonder what safety costs: quorlock with one feature off at a time.',
    columns: [...THROUGHPUT, CPU],
    better: 'more',
  },
];

/** How many servers the benchmark starts. */
const NODES = 5;

const placeOf = (given: number | undefined): string =>
  given === undefined
    ? 'The nodes ran on the same machine, over TCP on loopback.'
    : `The nodes were the ${given} servers that \`--nodes\` named; the version of Redis is this machine's.`;

/** A table in Markdown. */
export function renderTable(results: Results): string {
  const { madeWith, at, node, redis, cpus, cpu, given, rows } = results;
  const made = madeWith.map((command) => `\`${command}\``).join(', then ');
  const sections = SECTIONS.map((section) => sectionOf(section, rows, given ?? NODES)).filter(
    (text) => text !== '',
  );
  const page = [
    '# quorlock against its peers, in figures',
    `Made with ${made} on ${at}. Node ${node}, Redis ${redis}, ${cpus} CPUs (${cpu}). ` +
      `${placeOf(given)} ` +
      'This page is generated from [results/bench.json](results/bench.json). ' +
      '[README.md](README.md) explains the scenarios.',
    'Each figure is the median of its rounds, with min..max if there is more than one round. ' +
      'Compare only figures of one run. A dash means that there is no figure; the notes say why.',
    ...(given === undefined ? [targetsOf(rows)] : []),
    ...sections,
    '',
  ].join('\n\n');
  return wrapped(page.replace(/\n+$/, '\n'));
}

/** The targets are about servers on the same machine. */
function targetsOf(rows: readonly Row[]): string {
  return [
    '## Targets',
    table(
      ['target', 'wanted', 'reached', 'bare batches', ''],
      targets(rows).map(({ what, wanted, reached, bare, isReached }) => [
        what,
        wanted,
        reached ?? '—',
        bare ?? '—',
        isReached === undefined ? 'not measured' : isReached ? 'yes' : 'no',
      ]),
    ),
  ].join('\n\n');
}

function sectionOf(
  { scenario, title, concerns, columns, better }: Section,
  all: readonly Row[],
  nodes: number,
): string {
  // The longest held scenario is separate, and its rows belong in this table.
  const rows = all.filter((row) => row.scenario === scenario || row.scenario === `${scenario}-many`);
  if (rows.length === 0) return '';
  const parts = cellsOf(rows)
    .filter((cell) => cell !== 'all')
    .map((cell) => {
      const own = rows.filter((row) => row.cell === cell);
      return `### ${cell}\n\n${cellTable(own, columns, better)}`;
    });
  const notes = [
    ...new Set(
      rows.flatMap(({ subject, cell, note }) =>
        note === undefined ? [] : [`- ${subject}, ${cell}: ${note.replaceAll(/\s+/g, ' ')}`],
      ),
    ),
  ];
  return [
    `## ${title.replace('{n}', String(nodes))}`,
    concerns,
    ...parts,
    ...(notes.length > 0 ? [notes.join('\n')] : []),
  ].join('\n\n');
}

function cellTable(rows: readonly Row[], columns: readonly Column[], better: Section['better']): string {
  const [main] = columns;
  const figure = main?.figure ?? '';
  const peer = better && bestPeer(rows, figure, better);
  const best = peer && peer.value > 0 ? peer : undefined;
  const floors = [FLOOR, PIPELINED_FLOOR, BATCHED_FLOOR].flatMap(({ name }) => {
    const spread = spreadOf(
      rows.filter(({ subject }) => subject === name),
      figure,
    );
    return spread && spread.median > 0 ? [{ name, value: spread.median }] : [];
  });
  const bases = [
    ...(best ? [{ name: 'best peer', value: best.value }] : []),
    ...floors,
    ...(best || floors.length > 0 || !better ? [] : firstOf(rows, figure)),
  ];
  const shown = columns.filter((column) =>
    rows.some(({ figures }) => {
      const value = figures[column.figure];
      return TROUBLE.includes(column) ? Boolean(value) : value !== undefined;
    }),
  );
  return table(
    ['', ...shown.map(({ title }) => title), ...bases.map(({ name }) => `× ${name}`)],
    [...bySubject(rows)].map(([subject, own]) => {
      const value = spreadOf(own, figure)?.median;
      return [
        subject === best?.subject ? `${subject} (best peer)` : subject,
        ...shown.map((column) => cellText(own, column.figure)),
        ...bases.map((base) => (value === undefined ? '—' : (value / base.value).toFixed(2))),
      ];
    }),
  );
}

/** The subject to compare with: the first, if there is no other. */
function firstOf(rows: readonly Row[], figure: string): { name: string; value: number }[] {
  const [first] = bySubject(rows);
  const value = first && spreadOf(first[1], figure)?.median;
  return first && value ? [{ name: first[0], value }] : [];
}

function cellText(rows: readonly Row[], figure: string): string {
  const spread = spreadOf(rows, figure);
  if (!spread) return '—';
  const { median, min, max } = spread;
  return rows.length > 1 && min !== max
    ? `${digits(median)} (${digits(min)}..${digits(max)})`
    : digits(median);
}

/** A number with three digits, or with its whole integer part. */
export function digits(value: number): string {
  if (value === 0) return '0';
  const places = Math.min(3, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))));
  const [whole = '', fraction] = value.toFixed(places).split('.');
  const grouped = whole.replaceAll(/\B(?=(\d{3})+$)/g, ',');
  const rest = fraction?.replace(/0+$/, '') ?? '';
  return rest === '' ? grouped : `${grouped}.${rest}`;
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [row(head), row(head.map((_, at) => (at === 0 ? '---' : '---:'))), ...lines.map(row)].join('\n');
}
