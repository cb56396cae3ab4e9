import type { Vote } from '../../src/core/vote.js';

/**
 * The pure core a second time, as dumb as can be: by trying all that can happen, by sorting, by counting one at a time.
 * Written from the rules and not from the code, and sharing nothing with it. Where the two disagree, one is wrong.
 */

/** Every way in which the votes still out may turn out: true is a grant. */
function futures(outstanding: number): boolean[][] {
  if (outstanding === 0) return [[]];
  return futures(outstanding - 1).flatMap((future) => [
    [...future, true],
    [...future, false],
  ]);
}

/** Won in every future, lost in every future, or still open. */
export function naiveVerdict(members: number, kinds: readonly Vote['kind'][]): 'won' | 'lost' | 'pending' {
  const outcomes = new Set(
    futures(members - kinds.length).map((future) => {
      const yes = kinds.filter((kind) => kind === 'granted').length + future.filter(Boolean).length;
      return yes > members - yes;
    }),
  );
  if (outcomes.size > 1) return 'pending';
  return outcomes.has(true) ? 'won' : 'lost';
}

/** How many votes, in their order of arrival, it takes until the verdict is decided. */
export function naiveDecidingVote(members: number, arrivals: readonly Vote['kind'][]): number {
  let seen = 0;
  while (naiveVerdict(members, arrivals.slice(0, seen)) === 'pending') seen++;
  return seen;
}

/** How a lost round ended, all votes being in; `again` are the owners met before. */
export function naiveEnding(votes: readonly Vote[], again: readonly string[]): string {
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
    owners.find((owner) => again.includes(owner) && most(nodesOf(owner) + failures));
  if (most(ran)) return 'already_ran';
  if (!most(votes.length - failures)) return 'unreachable';
  if (holder !== undefined) return `held by ${holder}`;
  return ran > 0 && most(ran + failures) ? 'already_ran' : 'contended';
}

/** A due queue that looks through all its items every time. */
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

  /** The items that may come next: one of the earliest, where it is due. */
  candidates(now: number): number[] {
    return this.#entries
      .filter((entry) => entry.dueAt <= now && entry.dueAt === this.nextAt)
      .map((e) => e.item);
  }

  remove(item: number): void {
    this.#entries = this.#entries.filter((entry) => entry.item !== item);
  }

  move(item: number, dueAt: number): void {
    for (const entry of this.#entries) if (entry.item === item) entry.dueAt = dueAt;
  }
}

/** What is left of a lease: on each of two clocks, count what passed; the lower remainder is the truth. */
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

/** Doubled one step at a time, cut off at the longest. */
export function naiveDoubled(first: number, longest: number, times: number): number {
  let delay = first;
  for (let i = 0; i < times && delay < longest; i++) delay = delay + delay;
  return delay < longest ? delay : longest;
}
