import { leaksOf } from './check-leaks.js';
import { checkTicks } from './check-ticks.js';
import {
  beliefEndOf,
  overlapMs,
  ranMs,
  historiesOf,
  touching,
  type LeaseHistory,
  type Span,
  type StallsOf,
} from './intervals.js';
import type { RunRecord } from './records.js';

export interface CheckTerms {
  readonly nodes: number;
  /** The end of the run. A call that has not ended by then hangs. */
  readonly endedAt: number;
  /**
   * How much later than its `waitMs` an acquire may end. Its last attempt began in time and ends by node
   * timeouts.
   */
  readonly acquireGraceMs: number;
  /** An acquire or a release hangs if it has not ended after this time. */
  readonly hungAfterMs: number;
  /** How long a key may be on a healthy node after its owner stopped using it. */
  readonly leakGraceMs: number;
  /** How long a node, or the link to it, takes to recover after a fault. */
  readonly recoveryMs: number;
  readonly tickMs: number;
}

/** One thing that must not happen: a description and, if it has a duration, the milliseconds. */
export interface Finding {
  readonly what: string;
  readonly at: number;
  readonly ms?: number;
}

/** The findings of the checker. Every list of a good run is empty. */
export interface Findings {
  /** Two holders of one resource both believed that they hold it, while both ran. */
  readonly overlaps: readonly Finding[];
  /** The store accepted a write from a holder after a write from a later holder. */
  readonly staleWrites: readonly Finding[];
  /** A later holder got a token that is not greater. */
  readonly tokenRegressions: readonly Finding[];
  /** A holder believed that it holds the lock for longer than its keys can have lived. */
  readonly lateLosses: readonly Finding[];
  /** Two workers ran the same scheduled run. */
  readonly duplicates: readonly Finding[];
  /** Nobody ran a scheduled run, though a majority of nodes and all workers were healthy. */
  readonly lostJobs: readonly Finding[];
  /** An acquire ended later than its options allow. */
  readonly lateAcquires: readonly Finding[];
  /** Keys without an owner, on healthy nodes. */
  readonly leaked: readonly Finding[];
  /** Calls that did not end. */
  readonly hung: readonly Finding[];
  /** Uncaught errors of a worker process. */
  readonly crashes: readonly Finding[];
}

export interface CheckedRun {
  readonly findings: Findings;
  readonly acquired: number;
  readonly refused: number;
  readonly lost: number;
  readonly writes: number;
  readonly refusedWrites: number;
  readonly ticksRun: number;
  /** The scheduled runs that somebody had to run, because enough nodes and all workers were healthy. */
  readonly ticksDue: number;
}

/**
 * Reads the records of a run, which are in the order of their instants, and finds everything that must not
 * have happened. Pure.
 */
export function check(records: readonly RunRecord[], terms: CheckTerms): CheckedRun {
  const { histories, stalls } = historiesOf(records);
  const stallsOf: StallsOf = (worker, within) => touching(stalls.get(worker) ?? [], within);
  const held = histories
    .filter((history) => history.acquiredAt !== undefined)
    .sort((a, b) => (a.acquiredAt ?? 0) - (b.acquiredAt ?? 0));
  const stored = records.filter((record) => record.type === 'stored');
  const ticks = checkTicks(records, stalls, terms);
  return {
    findings: {
      ...checkHolders(held, stallsOf, terms.endedAt),
      staleWrites: staleWritesOf(stored, held),
      lateLosses: held.flatMap((history) => lateLossOf(history, stallsOf, terms.endedAt)),
      ...ticks.findings,
      ...checkEnds(histories, stallsOf, terms),
      leaked: leaksOf(records, histories, stallsOf, terms),
      crashes: records.flatMap((record) =>
        record.type === 'crash' ? [{ what: `${record.worker}: ${record.message}`, at: record.at }] : [],
      ),
    },
    acquired: held.length,
    refused: histories.filter(
      (history) => history.answeredAt !== undefined && history.acquiredAt === undefined,
    ).length,
    lost: histories.filter((history) => history.lostAt !== undefined).length,
    writes: stored.length,
    refusedWrites: stored.filter((record) => !record.accepted).length,
    ticksRun: ticks.run,
    ticksDue: ticks.due,
  };
}

function checkHolders(
  held: readonly LeaseHistory[],
  stallsOf: StallsOf,
  endedAt: number,
): Pick<Findings, 'overlaps' | 'tokenRegressions'> {
  const overlaps: Finding[] = [];
  const tokenRegressions: Finding[] = [];
  const open = new Map<string, LeaseHistory[]>();
  const last = new Map<string, LeaseHistory>();
  for (const history of held) {
    const { resource, acquiredAt: from = 0 } = history;
    const others = (open.get(resource) ?? []).filter((other) => beliefEndOf(other) > from);
    for (const other of others) {
      const both: Span = { from, to: Math.min(beliefEndOf(other), beliefEndOf(history), endedAt) };
      const stalls = [...stallsOf(history.worker, both), ...stallsOf(other.worker, both)];
      const ms = overlapMs(
        both,
        both,
        stalls.sort((a, b) => a.from - b.from),
      );
      if (ms > 0)
        overlaps.push({ what: `${other.lease} and ${history.lease} hold ${resource}`, at: from, ms });
    }
    open.set(resource, [...others, history]);
    const before = last.get(resource);
    if (before?.token !== undefined && history.token !== undefined && history.token <= before.token) {
      const later = `${history.lease} got token ${history.token} on ${resource}`;
      tokenRegressions.push({ what: `${later} after ${before.lease} with ${before.token}`, at: from });
    }
    last.set(resource, history);
  }
  return { overlaps, tokenRegressions };
}

/**
 * Compares the order in which leases began, not their tokens, so that libraries without tokens are checked
 * too.
 */
function staleWritesOf(
  stored: readonly Extract<RunRecord, { type: 'stored' }>[],
  held: readonly LeaseHistory[],
): Finding[] {
  const began = new Map(held.map((history) => [history.lease, history.acquiredAt ?? 0]));
  const latest = new Map<string, { readonly lease: string; readonly began: number }>();
  const findings: Finding[] = [];
  for (const { lease, resource, accepted, at } of stored) {
    const from = began.get(lease);
    if (!accepted || from === undefined) continue;
    const before = latest.get(resource);
    if (before && from < before.began) {
      findings.push({ what: `${lease} wrote to ${resource} after ${before.lease} had`, at });
    } else latest.set(resource, { lease, began: from });
  }
  return findings;
}

/**
 * The keys were set at the last grant or extension, or before. One TTL later they have expired on every node.
 */
function lateLossOf(history: LeaseHistory, stallsOf: StallsOf, endedAt: number): Finding[] {
  const { acquiredAt = 0, extendedAt, ttlMs, lease, worker } = history;
  const end = Math.min(beliefEndOf(history), endedAt);
  let setAt = acquiredAt;
  let lateMs = 0;
  for (const at of [...extendedAt.filter((one) => one < end), end]) {
    lateMs = Math.max(lateMs, ranMs(stallsOf, worker, { from: Math.min(setAt + ttlMs, at), to: at }));
    setAt = at;
  }
  return lateMs > 0 ? [{ what: `${lease} was told of its loss too late`, at: end, ms: lateMs }] : [];
}

function checkEnds(
  histories: readonly LeaseHistory[],
  stallsOf: StallsOf,
  { acquireGraceMs, hungAfterMs, endedAt }: CheckTerms,
): Pick<Findings, 'lateAcquires' | 'hung'> {
  const lateAcquires: Finding[] = [];
  const hung: Finding[] = [];
  for (const history of histories) {
    const { lease, worker, requestedAt, answeredAt, releaseAt, releasedAt, killedAt, waitMs } = history;
    const over = Math.min(killedAt ?? Infinity, endedAt);
    const took = ranMs(stallsOf, worker, { from: requestedAt, to: Math.min(answeredAt ?? Infinity, over) });
    const lateMs = took - waitMs - acquireGraceMs;
    if (answeredAt === undefined && took > waitMs + hungAfterMs) {
      hung.push({ what: `acquire of ${lease}`, at: requestedAt, ms: took });
    } else if (lateMs > 0) {
      lateAcquires.push({ what: `acquire of ${lease} with waitMs ${waitMs}`, at: requestedAt, ms: lateMs });
    }
    if (releaseAt === undefined || releasedAt !== undefined) continue;
    const releasing = ranMs(stallsOf, worker, { from: releaseAt, to: over });
    if (releasing > hungAfterMs) hung.push({ what: `release of ${lease}`, at: releaseAt, ms: releasing });
  }
  return { lateAcquires, hung };
}
