import { majorityOf } from './quorum.js';
import type { Vote } from './vote.js';

/**
 * Why a round was lost. These are different facts, with different things to do about them:
 *
 * - `held`: one owner has a majority. Wait, or skip.
 * - `already_ran`: the tick has been run. Skip.
 * - `contended`: the votes are split among claimants and nobody holds the resource. Settle it now.
 * - `unreachable`: too few nodes answered to know. Never to be taken for held.
 */
export type Outcome =
  | { readonly kind: 'held'; readonly owner: string; readonly remainingMs: number }
  | { readonly kind: 'already_ran' }
  | { readonly kind: 'contended' }
  | { readonly kind: 'unreachable' };

const NOBODY: ReadonlySet<string> = new Set();

interface OwnerCount {
  nodes: number;
  /** On nodes without a vote. */
  doubtful: number;
  remainingMs: number;
}

/**
 * Reads the outcome of a lost round from its votes.
 *
 * A round is lost at the deciding vote; why, may show only later. With one of three nodes down the first refusal decides
 * it, and it takes the second to know that the resource is held and not out of reach. So nothing is concluded from a vote
 * that is still out (`undefined`): where it could change the outcome, the outcome is `contended`, which is to look again.
 *
 * `seenBefore` names the owners that an earlier round of the same attempt already met. A claimant in a split vote takes a
 * new holder id for each round, so an owner that stays is a holder (or a key whose owner died): it is given the benefit
 * of the nodes that failed to answer, on which it may well have its majority, and of those that have no vote now and may
 * have had one when it won. One that is met for the first time is not: of two claimants each may have a majority by the keys
 * and neither by the votes, and if both take the other for the holder, nobody gets it. A tick on record stays as well, from the
 * first look: where the nodes without it cannot make a majority, nobody can win before the others are back.
 */
export function outcomeOf(
  votes: readonly (Vote | undefined)[],
  seenBefore: ReadonlySet<string> = NOBODY,
): Outcome {
  const majority = majorityOf(votes.length);
  const counts = new Map<string, OwnerCount>();
  const alreadyRan = ranIn(votes);
  let failures = 0;
  for (const vote of votes) {
    if (vote?.kind === 'failed') failures++;
    if (vote?.kind !== 'refused' || vote.owner === undefined) continue;
    const count = counts.get(vote.owner) ?? { nodes: 0, doubtful: 0, remainingMs: 0 };
    if (vote.untrusted) count.doubtful++;
    else count.nodes++;
    count.remainingMs = Math.max(count.remainingMs, vote.remainingMs ?? 0);
    counts.set(vote.owner, count);
  }
  const benefit = votes.includes(undefined) ? 0 : failures;
  if (alreadyRan >= majority) return { kind: 'already_ran' };
  if (votes.length - failures < majority) return { kind: 'unreachable' };
  for (const [owner, count] of counts) {
    const nodes = count.nodes + (seenBefore.has(owner) ? count.doubtful + benefit : 0);
    if (nodes >= majority) return { kind: 'held', owner, remainingMs: count.remainingMs };
  }
  if (alreadyRan > 0 && alreadyRan + benefit >= majority) return { kind: 'already_ran' };
  return { kind: 'contended' };
}

/** The owners that the refusals of a round named. */
export function ownersIn(votes: readonly (Vote | undefined)[]): string[] {
  return votes.flatMap((vote) => (vote?.kind === 'refused' && vote.owner !== undefined ? [vote.owner] : []));
}

/**
 * Whether this claimant goes on at once after a split vote while the others yield: it is the one that was granted the
 * lowest-numbered node that votes. All claimants see the same owner there, so they agree without a word. Owners that stay from
 * round to round (`seenBefore`) do not take part any more and are passed over.
 */
export function hasPriority(
  votes: readonly (Vote | undefined)[],
  seenBefore: ReadonlySet<string> = NOBODY,
): boolean {
  for (const vote of votes) {
    if (vote?.kind === 'granted') return true;
    // What a node without a vote grants is a failure to the one and, to the others, no refusal either.
    if (vote?.kind !== 'refused' || vote.untrusted) continue;
    if (vote.owner !== undefined && !seenBefore.has(vote.owner)) return false;
  }
  return false;
}

/**
 * Whether the outcome of a lost round can be read yet: whether no vote that is still out could change it. Dead nodes fail at
 * once, before the living ones have had time to say who holds the resource; nothing may be read from the first alone.
 */
export function isConclusive(votes: readonly (Vote | undefined)[]): boolean {
  const majority = majorityOf(votes.length);
  const outstanding = votes.filter((vote) => vote === undefined).length;
  const failures = votes.filter((vote) => vote?.kind === 'failed').length;
  if (outstanding === 0 || votes.length - failures < majority) return true;
  if (votes.length - failures - outstanding < majority) return false;
  const ran = ranIn(votes);
  if (ran < majority && ran + failures + outstanding >= majority) return false;
  const trusted = votes.filter((vote) => vote?.kind !== 'refused' || !vote.untrusted);
  return [...tallyOf(ownersIn(trusted)).values()].every(
    (nodes) => nodes >= majority || nodes + outstanding < majority,
  );
}

const ranIn = (votes: readonly (Vote | undefined)[]): number =>
  votes.filter((vote) => vote?.kind === 'refused' && vote.reason === 'already_ran').length;

function tallyOf(owners: readonly string[]): Map<string, number> {
  const tally = new Map<string, number>();
  for (const owner of owners) tally.set(owner, (tally.get(owner) ?? 0) + 1);
  return tally;
}
