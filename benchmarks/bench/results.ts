/** The stored results of a run, and how its figures are combined. */
import type { Figures } from './tasks.js';

/** One subject in one cell of one scenario in one round. */
export interface Row {
  readonly scenario: string;
  readonly cell: string;
  readonly subject: string;
  readonly kind: 'quorlock' | 'peer' | 'floor';
  readonly round: number;
  readonly figures: Figures;
  /** Why there are no figures. */
  readonly note?: string;
}

export interface Results {
  /** The name of the machine, by `--machine`; `undefined`: the first one, whose figures the page shows. */
  readonly machine?: string;
  /** The commands that made these results. */
  readonly madeWith: readonly string[];
  readonly at: string;
  readonly node: string;
  readonly redis: string;
  readonly cpus: number;
  readonly cpu: string;
  /** How many servers `--nodes` named; `undefined`: the benchmark's own, on loopback. */
  readonly given?: number;
  readonly rows: readonly Row[];
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The figure of one subject over all rounds; `undefined` if no round has it. */
export function spreadOf(rows: readonly Pick<Row, 'figures'>[], figure: string): Spread | undefined {
  const values = rows.flatMap(({ figures }) => figures[figure] ?? []).sort((a, b) => a - b);
  const [min] = values;
  const max = values.at(-1);
  if (min === undefined || max === undefined) return undefined;
  const half = values.length / 2;
  const low = values[Math.ceil(half) - 1] ?? min;
  const high = values[Math.floor(half)] ?? max;
  return { median: (low + high) / 2, min, max };
}

/** The rows of a cell by subject, in their original order. */
export function bySubject(rows: readonly Row[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) groups.set(row.subject, [...(groups.get(row.subject) ?? []), row]);
  return groups;
}

export const cellsOf = (rows: readonly Row[]): string[] => [...new Set(rows.map(({ cell }) => cell))];

/** The number of leases that a subject lost in its rows. */
export const lostIn = (own: readonly Row[]): number =>
  own.reduce((sum, { figures }) => sum + (figures['lost'] ?? 0), 0);

/**
 * The best median of a peer in these rows, and the peer's name. A peer that lost leases is left out, because
 * a lost lease costs nothing more.
 */
export function bestPeer(
  rows: readonly Row[],
  figure: string,
  better: 'more' | 'less',
): { readonly subject: string; readonly value: number } | undefined {
  const peers = [...bySubject(rows.filter(({ kind }) => kind === 'peer'))].flatMap(([subject, own]) => {
    const spread = lostIn(own) > 0 ? undefined : spreadOf(own, figure);
    return spread ? [{ subject, value: spread.median }] : [];
  });
  return peers.sort((a, b) => (better === 'more' ? b.value - a.value : a.value - b.value))[0];
}
