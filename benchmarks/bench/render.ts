import { bars } from './bars.js';
import { bestPeer, rowOf, rowsOf, scenariosOf, type Results, type Row } from './results.js';
import { FLOORS, QUORLOCK, subjectOf } from './subjects.js';
import { TARGETS } from './targets.js';

const COLUMNS: readonly (readonly [figure: string, title: string])[] = [
  ['perSecond', 'a second'],
  ['p50', 'p50 ms'],
  ['p99', 'p99 ms'],
  ['cpuUs', 'client CPU µs'],
  ['commands', 'commands each'],
  ['mostToLeast', 'most / least'],
  ['starved', 'starved'],
  ['overlaps', 'overlaps'],
  ['cpuSIn30S', 'CPU s in 30 s'],
  ['heapPerLease', 'heap B a lease'],
  ['rssPerLease', 'RSS B a lease'],
  ['commandsPerS', 'commands/s'],
  ['failures', 'failed'],
  ['unfinished', 'unfinished'],
];

export function shown(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '∞';
  if (!Number.isFinite(value)) return '';
  if (value === 0) return '0';
  const rounded = Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
  return rounded.toLocaleString('en-US', { maximumFractionDigits: 3 });
}

function section(results: Results, scenario: string): string {
  const rows = rowsOf(results, scenario);
  const columns = COLUMNS.filter(([figure]) => rows.some((row) => !Number.isNaN(row.median(figure))));
  const isRate = columns.some(([figure]) => figure === 'perSecond');
  const best = bestPeer(rows, 'perSecond');
  const floor = rowOf(rows, FLOORS.at(-1)!.name) ?? rowOf(rows, FLOORS[0]!.name);
  const ratio = (row: Row, to: Row | undefined): string =>
    to === undefined ? '' : shown(row.median('perSecond') / to.median('perSecond'));
  const head = [
    '',
    ...columns.map(([, title]) => title),
    ...(isRate ? ['spread', 'to the best peer', ...(floor === undefined ? [] : ['to the floor'])] : []),
    '',
  ];
  const lines = rows.map((row) => [
    row.setting === 'best' && row.subject !== QUORLOCK.name ? `${row.subject}, best settings` : row.subject,
    ...columns.map(([figure]) => shown(row.median(figure))),
    ...(isRate
      ? [
          row.spread('perSecond').map(shown).join(' to '),
          ratio(row, best),
          ...(floor === undefined ? [] : [ratio(row, floor)]),
        ]
      : []),
    row.notes.join('; '),
  ]);
  const rule = head.map((_, index) => (index === 0 || index === head.length - 1 ? '---' : '--:'));
  const format = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [`## ${scenario}`, '', ...[head, rule, ...lines].map(format)].join('\n');
}

function targets(results: Results): string {
  const lines = TARGETS.flatMap((target) => {
    const figure = target.figure(results);
    if (figure === undefined || Number.isNaN(figure)) return [];
    const reached = target.atLeast ? figure >= target.bound : figure <= target.bound;
    const bound = `${target.atLeast ? 'at least' : 'at most'} ${target.bound}`;
    return [`| ${target.what} | ${bound} | ${shown(figure)} | ${reached ? 'yes' : 'no'} |`];
  });
  if (lines.length === 0) return '';
  return [
    '## What it is meant to reach',
    '',
    '| ratio | bound | seen | reached |',
    '| --- | --: | --: | --- |',
    ...lines,
    '',
  ].join('\n');
}

/** The results as Markdown. */
export function table(results: Results): string {
  const { date, command, node, redis, cpus } = results;
  const seen = new Map(results.results.map(({ subject }) => [subject, subjectOf(subject).version]));
  return [
    '<!-- Made by npm run bench from results/bench.json; npm run bench -- --render makes it anew. -->',
    '# What it takes: quorlock, others, and the least that could be done',
    '',
    `Made by \`${command}\` on ${date}: Node ${node}, redis-server ${redis}, ${cpus} CPUs, clients and nodes on the same machine, over unix sockets. Medians over the rounds; what counts is the ratio of two figures of one run, and no figure by itself. [README.md](README.md) says what is measured and how.`,
    '',
    [...seen].map(([name, version]) => `${name} ${version}`).join(' · '),
    '',
    targets(results),
    ...scenariosOf(results).map((scenario) => `${section(results, scenario)}\n`),
  ].join('\n');
}

/** The pictures, by the names of their files. */
export function pictures(results: Results): Record<string, string> {
  const wanted = [
    [
      'uncontended',
      'uncontended, 5 nodes, 128 in flight',
      'Acquire and release, a second: 5 nodes, 128 in flight',
    ],
    [
      'contended',
      'contended, 64 waiters in 4 processes, held 0 ms',
      'Hand-offs a second: one resource, 64 waiters in 4 processes',
    ],
  ] as const;
  return Object.fromEntries(
    wanted.flatMap(([file, scenario, title]) => {
      const rows = rowsOf(results, scenario).filter((row) => row.median('perSecond') > 0);
      if (rows.length === 0) return [];
      const best = new Map<string, number>();
      for (const row of rows)
        best.set(row.subject, Math.max(best.get(row.subject) ?? 0, row.median('perSecond')));
      return [
        [
          file,
          bars(
            title,
            [...best].sort(([, a], [, b]) => b - a),
            QUORLOCK.name,
          ),
        ],
      ];
    }),
  );
}
