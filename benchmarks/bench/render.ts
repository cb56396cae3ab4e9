/** Makes benchmarks/bench.md from the results. */
import { bestPeer, bySubject, cellsOf, spreadOf, type Results, type Row } from './results.js';
import { SECTIONS, TROUBLE, type Column, type Section } from './sections.js';
import { targets } from './targets.js';
import { wrapped } from '../wrap.js';

/** How many servers the benchmark starts. */
const NODES = 5;

const placeOf = (given: number | undefined): string =>
  given === undefined
    ? 'The nodes ran on the same machine, over TCP on loopback.'
    : `The nodes were the ${given} servers that \`--nodes\` named; the version of Redis is this machine's.`;

/** What the page shows beside the tables. */
interface Beside {
  /** The results of other machines: what they reached. */
  readonly others?: readonly Results[];
  /** The files of the pictures: one is shown with the scenario that it is named after. */
  readonly pictures?: readonly string[];
}

/** The page in Markdown. */
export function renderTable(results: Results, { others = [], pictures = [] }: Beside = {}): string {
  const { given, rows } = results;
  const sections = SECTIONS.map((section) => sectionOf(section, rows, given ?? NODES, pictures)).filter(
    (text) => text !== '',
  );
  const page = [
    '# quorlock against its peers, in figures',
    `Made with ${machineOf(results)}. ` +
      `${placeOf(given)} ` +
      'This page is generated from [results/bench.json](results/bench.json). ' +
      '[README.md](README.md) explains the scenarios.',
    'Each figure is the median of its rounds, with min..max if there is more than one round. ' +
      'Compare only figures of one run. A dash means that there is no figure; the notes say why.',
    ...(given === undefined ? [targetsOf(rows)] : []),
    ...(others.length > 0 ? [machinesOf(results, others)] : []),
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

/** The ratios of all machines, side by side: only ratios can be compared from one machine to another. */
function machinesOf(first: Results, others: readonly Results[]): string {
  const all = [first, ...others];
  const verdicts = all.map(({ rows }) => targets(rows));
  const [of = []] = verdicts;
  const reached = (at: number, row: number): string => {
    const { reached: value, isReached } = verdicts[at]?.[row] ?? {};
    return value === undefined ? '—' : `${value}${isReached === true ? '' : ' (missed)'}`;
  };
  return [
    '## The same targets on other machines',
    'A claim about speed needs more than one machine. The rest of this page is of the first.',
    all.map((one) => `- ${nameOf(one)}: ${machineOf(one)}.`).join('\n'),
    table(
      ['target', 'wanted', ...all.map(nameOf)],
      of.map(({ what, wanted }, row) => [what, wanted, ...all.map((_, at) => reached(at, row))]),
    ),
  ].join('\n\n');
}

const nameOf = ({ machine = 'first' }: Results): string => machine;

const machineOf = ({ madeWith, at, node, redis, cpus, cpu }: Results): string => {
  const made = madeWith.map((command) => `\`${command}\``).join(', then ');
  return `${made} on ${at}, Node ${node}, Redis ${redis}, ${cpus} CPUs (${cpu})`;
};

function sectionOf(
  { scenario, title, concerns, columns, better }: Section,
  all: readonly Row[],
  nodes: number,
  pictures: readonly string[],
): string {
  // The longest held scenario is separate, and its rows belong in this table.
  const rows = all.filter((row) => row.scenario === scenario || row.scenario === `${scenario}-many`);
  if (rows.length === 0) return '';
  const picture = `bench-${scenario}.svg`;
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
    ...(pictures.includes(picture)
      ? [`![${title.replace('{n}', String(nodes))}, as bars](results/${picture})`]
      : []),
    ...parts,
    ...(notes.length > 0 ? [notes.join('\n')] : []),
  ].join('\n\n');
}

function cellTable(rows: readonly Row[], columns: readonly Column[], better: Section['better']): string {
  const [main] = columns;
  const figure = main?.figure ?? '';
  const peer = better && bestPeer(rows, figure, better);
  const best = peer && peer.value > 0 ? peer : undefined;
  const floors = [...bySubject(rows.filter(({ kind }) => kind === 'floor'))].flatMap(([name, own]) => {
    const spread = spreadOf(own, figure);
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
