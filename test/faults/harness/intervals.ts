import type { RunRecord } from './records.js';

/** A stretch of time, in milliseconds of the records' clock. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** One call of acquire, and what came of it. */
export interface LeaseStory {
  readonly lease: string;
  readonly worker: string;
  readonly resource: string;
  readonly waitMs: number;
  readonly ttlMs: number;
  readonly askedAt: number;
  /** When acquire settled, either way. */
  answeredAt?: number;
  acquiredAt?: number;
  token?: number;
  extendedAt: number[];
  lostAt?: number;
  releaseAt?: number;
  releasedAt?: number;
  /** When its worker died, where that came before its end. */
  killedAt?: number;
}

/** What became of each lease, and when each worker did not run. */
export function storiesOf(records: readonly RunRecord[]): {
  readonly stories: readonly LeaseStory[];
  readonly stalls: ReadonlyMap<string, readonly Span[]>;
} {
  const stories = new Map<string, LeaseStory>();
  const stalls = new Map<string, Span[]>();
  const killed = new Map<string, number>();
  for (const record of records) {
    switch (record.type) {
      case 'acquire': {
        const { lease, worker, resource, waitMs, ttlMs, at } = record;
        stories.set(lease, { lease, worker, resource, waitMs, ttlMs, askedAt: at, extendedAt: [] });
        break;
      }
      case 'acquired':
      case 'refused': {
        const story = stories.get(record.lease);
        if (!story) break;
        story.answeredAt = record.at;
        if (record.type === 'refused') break;
        story.acquiredAt = record.at;
        if (record.token !== undefined) story.token = record.token;
        break;
      }
      case 'extended':
        stories.get(record.lease)?.extendedAt.push(record.at);
        break;
      case 'lost':
      case 'release':
      case 'released': {
        const story = stories.get(record.lease);
        if (story) story[`${record.type}At`] = record.at;
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
  for (const story of stories.values()) {
    const at = killed.get(story.worker);
    if (at !== undefined) story.killedAt = at;
  }
  return { stories: [...stories.values()], stalls };
}

export type Fault = Extract<RunRecord, { type: 'fault' }>;

export const faultsOf = (records: readonly RunRecord[]): readonly Fault[] =>
  records.filter((record) => record.type === 'fault');

/** When the holder stopped to believe that it holds; `Infinity` where it still does. */
export const beliefEndOf = ({ lostAt, releaseAt, killedAt }: LeaseStory): number =>
  Math.min(lostAt ?? Infinity, releaseAt ?? Infinity, killedAt ?? Infinity);

/** How long both stretches last together, in milliseconds, leaving out what is exempt, given in order. */
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

/** Those of the stretches, given in order and apart from each other, that touch this one. */
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

/** When a worker did not run, in order, as far as it touches the stretch. */
export type StallsOf = (worker: string, within: Span) => readonly Span[];

/** How much of the stretch a worker ran. */
export const ranMs = (stallsOf: StallsOf, worker: string, span: Span): number =>
  overlapMs(span, span, stallsOf(worker, span));
