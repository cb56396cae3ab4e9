import type { Vote } from '../../src/core/vote.js';

/**
 * A second implementation of the pure core, as simple as possible: it tries all that can happen, it sorts, it
 * counts one at a time. It was written from the rules and shares no code with the first. If the two disagree,
 * one of them is wrong.
 */

/** All possible results of the votes to come: true is a grant. */
function futures(outstanding: number): boolean[][] {
  if (outstanding === 0) return [[]];
  return futures(outstanding - 1).flatMap((future) => [
    [...future, true],
    [...future, false],
  ]);
}

/** Won in every future, lost in every future, or pending. */
export function naiveVerdict(nodeCount: number, kinds: readonly Vote['kind'][]): 'won' | 'lost' | 'pending' {
  const outcomes = new Set(
    futures(nodeCount - kinds.length).map((future) => {
      const yes = kinds.filter((kind) => kind === 'granted').length + future.filter(Boolean).length;
      return yes > nodeCount - yes;
    }),
  );
  if (outcomes.size > 1) return 'pending';
  return outcomes.has(true) ? 'won' : 'lost';
}

/** The number of votes, in their order of arrival, until the verdict is decided. */
export function naiveDecidingVote(nodeCount: number, arrivals: readonly Vote['kind'][]): number {
  let seen = 0;
  while (naiveVerdict(nodeCount, arrivals.slice(0, seen)) === 'pending') seen++;
  return seen;
}

/** The outcome of a lost round with all votes in; `seenBefore` are the owners that an earlier round met. */
export function naiveOutcome(votes: readonly Vote[], seenBefore: readonly string[]): string {
  const most = (count: number): boolean => count > votes.length / 2;
  const refusals = votes.filter((vote) => vote.kind === 'refused');
  const failures = votes.filter((vote) => vote.kind === 'failed').length;
  const ran = refusals.filter((vote) => vote.reason === 'already_ran').length;
  const nodesOf = (owner: string): number => refusals.filter((vote) => vote.owner === owner).length;
  const votersOf = (owner: string): number =>
    refusals.filter((vote) => vote.owner === owner && !vote.untrusted).length;
  const owners = refusals.map((vote) => vote.owner).filter((owner) => owner !== undefined);
  const holder =
    owners.find((owner) => most(votersOf(owner))) ??
    owners.find((owner) => seenBefore.includes(owner) && most(nodesOf(owner) + failures));
  if (most(ran)) return 'already_ran';
  if (!most(votes.length - failures)) return 'unreachable';
  if (holder !== undefined) return `held by ${holder}`;
  return ran > 0 && most(ran + failures) ? 'already_ran' : 'contended';
}

/** A queue by due time that looks through all its items every time. */
export class NaiveQueue {
  #entries: { item: number; dueAt: number }[] = [];

  get size(): number {
    return this.#entries.length;
  }

  get nextAt(): number | undefined {
    return this.#entries.map((entry) => entry.dueAt).sort((a, b) => a - b)[0];
  }

  add(item: number, dueAt: number): void {
    this.#entries.push({ item, dueAt });
  }

  /** The items that may come next: those that are due first, if they are due. */
  candidates(now: number): number[] {
    return this.#entries
      .filter((entry) => entry.dueAt <= now && entry.dueAt === this.nextAt)
      .map((e) => e.item);
  }

  remove(item: number): void {
    this.#entries = this.#entries.filter((entry) => entry.item !== item);
  }
}

/** The validity left: subtract what passed on each of two clocks; the lower result is the right one. */
export function naiveLeftMs(
  ttlMs: number,
  driftMs: number,
  from: { monotonicMs: number; wallMs: number },
  to: { monotonicMs: number; wallMs: number },
): number {
  const endByMonotonic = from.monotonicMs + ttlMs - driftMs;
  const endByWall = from.wallMs + ttlMs - driftMs;
  return Math.min(endByMonotonic - to.monotonicMs, endByWall - to.wallMs);
}

/** Doubles one step at a time, up to `longest`. */
export function naiveDoubled(first: number, longest: number, times: number): number {
  let delay = first;
  for (let i = 0; i < times && delay < longest; i++) delay = delay + delay;
  return delay < longest ? delay : longest;
}
