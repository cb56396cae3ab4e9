import type { RunRecord } from './records.js';

/** A period, in milliseconds of the records' clock. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** One call of acquire and its result. */
export interface LeaseHistory {
  readonly lease: string;
  readonly worker: string;
  readonly resource: string;
  readonly waitMs: number;
  readonly ttlMs: number;
  readonly requestedAt: number;
  /** When acquire settled. */
  answeredAt?: number;
  acquiredAt?: number;
  token?: number;
  extendedAt: number[];
  lostAt?: number;
  releaseAt?: number;
  releasedAt?: number;
  /** When its worker died, if the worker died before the lease ended. */
  killedAt?: number;
}

/** The history of each lease, and the periods in which each worker did not run. */
export function historiesOf(records: readonly RunRecord[]): {
  readonly histories: readonly LeaseHistory[];
  readonly stalls: ReadonlyMap<string, readonly Span[]>;
} {
  const histories = new Map<string, LeaseHistory>();
  const stalls = new Map<string, Span[]>();
  const killed = new Map<string, number>();
  for (const record of records) {
    switch (record.type) {
      case 'acquire': {
        const { lease, worker, resource, waitMs, ttlMs, at } = record;
        histories.set(lease, { lease, worker, resource, waitMs, ttlMs, requestedAt: at, extendedAt: [] });
        break;
      }
      case 'acquired':
      case 'refused': {
        const history = histories.get(record.lease);
        if (!history) break;
        history.answeredAt = record.at;
        if (record.type === 'refused') break;
        history.acquiredAt = record.at;
        if (record.token !== undefined) history.token = record.token;
        break;
      }
      case 'extended':
        histories.get(record.lease)?.extendedAt.push(record.at);
        break;
      case 'lost':
      case 'release':
      case 'released': {
        const history = histories.get(record.lease);
        if (history) history[`${record.type}At`] = record.at;
        break;
      }
      case 'stall': {
        const list = stalls.get(record.worker) ?? [];
        list.push({ from: record.from, to: record.at });
        stalls.set(record.worker, list);
        break;
      }
      case 'killed':
        killed.set(record.worker, record.at);
        break;
      default:
    }
  }
  for (const history of histories.values()) {
    const at = killed.get(history.worker);
    if (at !== undefined) history.killedAt = at;
  }
  return { histories: [...histories.values()], stalls };
}

export type Fault = Extract<RunRecord, { type: 'fault' }>;

export const faultsOf = (records: readonly RunRecord[]): readonly Fault[] =>
  records.filter((record) => record.type === 'fault');

/** When the holder stopped believing that it holds the lock; `Infinity` if it never stopped. */
export const beliefEndOf = ({ lostAt, releaseAt, killedAt }: LeaseHistory): number =>
  Math.min(lostAt ?? Infinity, releaseAt ?? Infinity, killedAt ?? Infinity);

/** How long both periods overlap, in milliseconds, without the `exempt` periods, which must be in order. */
export function overlapMs(a: Span, b: Span, exempt: readonly Span[]): number {
  let from = Math.max(a.from, b.from);
  const to = Math.min(a.to, b.to);
  let sum = 0;
  for (const span of exempt) {
    if (span.to <= from) continue;
    if (span.from >= to) break;
    sum += Math.max(0, span.from - from);
    from = span.to;
  }
  return sum + Math.max(0, to - from);
}

/** The periods that touch this one. The list must be in order and without overlaps. */
export function touching(spans: readonly Span[], { from, to }: Span): readonly Span[] {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (spans[middle]!.to <= from) low = middle + 1;
    else high = middle;
  }
  let end = low;
  while (end < spans.length && spans[end]!.from < to) end++;
  return spans.slice(low, end);
}

export function groupBy<T, K>(list: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of list) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

/** The periods in which a worker did not run, in order, as far as they touch `within`. */
export type StallsOf = (worker: string, within: Span) => readonly Span[];

/** How long the worker ran within the period, in milliseconds. */
export const ranMs = (stallsOf: StallsOf, worker: string, span: Span): number =>
  overlapMs(span, span, stallsOf(worker, span));
