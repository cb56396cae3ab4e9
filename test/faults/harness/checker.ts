import { leaksOf } from './check-leaks.js';
import { checkTicks } from './check-ticks.js';
import {
  beliefEndOf,
  overlapMs,
  ranMs,
  storiesOf,
  touching,
  type LeaseStory,
  type Span,
  type StallsOf,
} from './intervals.js';
import type { RunRecord } from './records.js';

export interface CheckTerms {
  readonly nodes: number;
  /** When the run ended: what has not ended by then hangs. */
  readonly endedAt: number;
  /** How much later than its `waitMs` an acquire may end: its last attempt began in time, and ends by node timeouts. */
  readonly acquireGraceMs: number;
  /** After this an acquire or a release that did not end is taken to hang. */
  readonly hungAfterMs: number;
  /** How long after its owner's last word a key may be on a node that was well all the while. */
  readonly leakGraceMs: number;
  /** How long a node, or the way to it, takes to be of use again after a fault. */
  readonly recoveryMs: number;
  readonly tickMs: number;
}

/** One thing that must not happen, in words, and with its figure in milliseconds where it has one. */
export interface Finding {
  readonly what: string;
  readonly at: number;
  readonly ms?: number;
}

/** What the checker found. Every list of a good run is empty. */
export interface Findings {
  /** Two holders of one resource who both believed to hold, while both ran. */
  readonly overlaps: readonly Finding[];
  /** Writes taken from a holder after a later holder's. */
  readonly staleWrites: readonly Finding[];
  /** A later holder with a token that is not greater. */
  readonly tokenRegressions: readonly Finding[];
  /** A holder that believed longer than its keys can have lived. */
  readonly lateLosses: readonly Finding[];
  /** A scheduled run that two workers ran. */
  readonly duplicates: readonly Finding[];
  /** A scheduled run that nobody ran, though a majority of nodes and all workers were well. */
  readonly lostJobs: readonly Finding[];
  /** An acquire that ended later than its options allow. */
  readonly lateAcquires: readonly Finding[];
  /** Keys that nobody owned any more, on nodes that were well. */
  readonly leaked: readonly Finding[];
  /** Calls that did not end. */
  readonly hung: readonly Finding[];
  /** Errors that reached the process. */
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
  /** The scheduled runs that had to be run by somebody: enough was well. */
  readonly ticksDue: number;
}

/** Reads the records of a run, in the order of their instants, and finds whatever must not have happened. Pure. */
export function check(records: readonly RunRecord[], terms: CheckTerms): CheckedRun {
  const { stories, stalls } = storiesOf(records);
  const stallsOf: StallsOf = (worker, within) => touching(stalls.get(worker) ?? [], within);
  const held = stories
    .filter((story) => story.acquiredAt !== undefined)
    .sort((a, b) => (a.acquiredAt ?? 0) - (b.acquiredAt ?? 0));
  const stored = records.filter((record) => record.type === 'stored');
  const ticks = checkTicks(records, stalls, terms);
  return {
    findings: {
      ...checkHolders(held, stallsOf, terms.endedAt),
      staleWrites: staleWritesOf(stored, held),
      lateLosses: held.flatMap((story) => lateLossOf(story, stallsOf, terms.endedAt)),
      ...ticks.findings,
      ...checkEnds(stories, stallsOf, terms),
      leaked: leaksOf(records, stories, stallsOf, terms),
      crashes: records.flatMap((record) =>
        record.type === 'crash' ? [{ what: `${record.worker}: ${record.message}`, at: record.at }] : [],
      ),
    },
    acquired: held.length,
    refused: stories.filter((story) => story.answeredAt !== undefined && story.acquiredAt === undefined)
      .length,
    lost: stories.filter((story) => story.lostAt !== undefined).length,
    writes: stored.length,
    refusedWrites: stored.filter((record) => !record.accepted).length,
    ticksRun: ticks.run,
    ticksDue: ticks.due,
  };
}

function checkHolders(
  held: readonly LeaseStory[],
  stallsOf: StallsOf,
  endedAt: number,
): Pick<Findings, 'overlaps' | 'tokenRegressions'> {
  const overlaps: Finding[] = [];
  const tokenRegressions: Finding[] = [];
  const open = new Map<string, LeaseStory[]>();
  const last = new Map<string, LeaseStory>();
  for (const story of held) {
    const { resource, acquiredAt: from = 0 } = story;
    const others = (open.get(resource) ?? []).filter((other) => beliefEndOf(other) > from);
    for (const other of others) {
      const both: Span = { from, to: Math.min(beliefEndOf(other), beliefEndOf(story), endedAt) };
      const stalls = [...stallsOf(story.worker, both), ...stallsOf(other.worker, both)];
      const ms = overlapMs(
        both,
        both,
        stalls.sort((a, b) => a.from - b.from),
      );
      if (ms > 0) overlaps.push({ what: `${other.lease} and ${story.lease} hold ${resource}`, at: from, ms });
    }
    open.set(resource, [...others, story]);
    const before = last.get(resource);
    if (before?.token !== undefined && story.token !== undefined && story.token <= before.token) {
      const what = `${story.lease} got token ${story.token} on ${resource} after ${before.lease} with ${before.token}`;
      tokenRegressions.push({ what, at: from });
    }
    last.set(resource, story);
  }
  return { overlaps, tokenRegressions };
}

/** By the order in which leases began, not by their tokens: libraries without tokens are held to the same. */
function staleWritesOf(
  stored: readonly Extract<RunRecord, { type: 'stored' }>[],
  held: readonly LeaseStory[],
): Finding[] {
  const began = new Map(held.map((story) => [story.lease, story.acquiredAt ?? 0]));
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

/** The keys were set when the last grant was seen, or before; so a TTL later they have expired on every node. */
function lateLossOf(story: LeaseStory, stallsOf: StallsOf, endedAt: number): Finding[] {
  const { acquiredAt = 0, extendedAt, ttlMs, lease, worker } = story;
  const end = Math.min(beliefEndOf(story), endedAt);
  let setAt = acquiredAt;
  let lateMs = 0;
  for (const at of [...extendedAt.filter((one) => one < end), end]) {
    lateMs = Math.max(lateMs, ranMs(stallsOf, worker, { from: Math.min(setAt + ttlMs, at), to: at }));
    setAt = at;
  }
  return lateMs > 0 ? [{ what: `${lease} was not told its loss in time`, at: end, ms: lateMs }] : [];
}

function checkEnds(
  stories: readonly LeaseStory[],
  stallsOf: StallsOf,
  { acquireGraceMs, hungAfterMs, endedAt }: CheckTerms,
): Pick<Findings, 'lateAcquires' | 'hung'> {
  const lateAcquires: Finding[] = [];
  const hung: Finding[] = [];
  for (const story of stories) {
    const { lease, worker, askedAt, answeredAt, releaseAt, releasedAt, killedAt, waitMs } = story;
    const over = Math.min(killedAt ?? Infinity, endedAt);
    const took = ranMs(stallsOf, worker, { from: askedAt, to: Math.min(answeredAt ?? Infinity, over) });
    const lateMs = took - waitMs - acquireGraceMs;
    if (answeredAt === undefined && took > waitMs + hungAfterMs) {
      hung.push({ what: `acquire of ${lease}`, at: askedAt, ms: took });
    } else if (lateMs > 0) {
      lateAcquires.push({ what: `acquire of ${lease} with waitMs ${waitMs}`, at: askedAt, ms: lateMs });
    }
    if (releaseAt === undefined || releasedAt !== undefined) continue;
    const releasing = ranMs(stallsOf, worker, { from: releaseAt, to: over });
    if (releasing > hungAfterMs) hung.push({ what: `release of ${lease}`, at: releaseAt, ms: releasing });
  }
  return { lateAcquires, hung };
}
