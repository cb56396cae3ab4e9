import { majorityOf } from './quorum.js';
import { refusedRun } from './run-votes.js';
import type { RunRecord } from './run.js';
import type { Vote } from './vote.js';

/**
 * Why a round was lost. Each outcome asks for a different reaction:
 *
 * - `held`: one owner has a majority. Wait, or skip. `remainingMs` is 0 where its keys never expire.
 * - `already_ran`: the tick has been run, or was started by another worker; `run` is what the nodes say of
 *   it. Skip.
 * - `contended`: the votes are split among clients, and nobody holds the resource. Ask again soon.
 * - `unreachable`: too few nodes answered to know. Never treat it as held.
 */
export type Outcome =
  | { readonly kind: 'held'; readonly owner: string; readonly remainingMs: number }
  | { readonly kind: 'already_ran'; readonly run?: RunRecord | undefined }
  | { readonly kind: 'contended' }
  | { readonly kind: 'unreachable' };

const NOBODY: ReadonlySet<string> = new Set();

/** What the refusals of a round say about one owner. */
interface OwnerCount {
  /** How many nodes have its key and may vote. */
  nodes: number;
  /** How many nodes have its key and are in quarantine. */
  untrustedNodes: number;
  /** The longest remaining life of its keys, in milliseconds. */
  remainingMs: number;
}

/**
 * Reads the outcome of a lost round from its votes.
 *
 * The deciding vote says that the round is lost; the reason may show only later. With one of three nodes
 * down, the first refusal decides the round, and only the second shows that the resource is held rather than
 * unreachable. So a vote that has not come (`undefined`) proves nothing: if it could change the outcome, the
 * outcome is `contended`, and the caller asks again.
 *
 * `seenBefore` has the owners that have been there for longer than a claimant would be, see `MetOwners`. In
 * a split vote, a client takes a new holder id for each round. So an owner that stays is a holder, or the key
 * of a dead one. It may have its majority on nodes that failed to answer, or on nodes that are in quarantine
 * now and could vote when it won: these nodes count for it. They do not count for any other owner. Otherwise
 * each of two clients could have a majority of the keys but not of the votes, each would take the other for
 * the holder, and nobody would get the lock.
 *
 * A recorded tick stays recorded, so nodes that failed to answer count for it from the first round: if the
 * nodes without the record cannot make a majority, nobody can win before the others are back.
 */
export function outcomeOf(
  votes: readonly (Vote | undefined)[],
  seenBefore: ReadonlySet<string> = NOBODY,
  majority = majorityOf(votes.length),
): Outcome {
  const counts = new Map<string, OwnerCount>();
  const alreadyRan = countRecordedTicks(votes);
  let failures = 0;
  for (const vote of votes) {
    if (vote?.kind === 'failed') failures++;
    if (vote?.kind !== 'refused' || vote.owner === undefined) continue;
    const count = counts.get(vote.owner) ?? { nodes: 0, untrustedNodes: 0, remainingMs: 0 };
    if (vote.untrusted) count.untrustedNodes++;
    else count.nodes++;
    count.remainingMs = Math.max(count.remainingMs, vote.remainingMs ?? 0);
    counts.set(vote.owner, count);
  }
  const unanswered = votes.includes(undefined) ? 0 : failures;
  if (alreadyRan >= majority) return { kind: 'already_ran', run: refusedRun(votes) };
  if (votes.length - failures < majority) return { kind: 'unreachable' };
  for (const [owner, count] of counts) {
    const nodes = count.nodes + (seenBefore.has(owner) ? count.untrustedNodes + unanswered : 0);
    if (nodes >= majority) return { kind: 'held', owner, remainingMs: count.remainingMs };
  }
  if (alreadyRan > 0 && alreadyRan + unanswered >= majority)
    return { kind: 'already_ran', run: refusedRun(votes) };
  return { kind: 'contended' };
}

/**
 * How long the key of a claimant that lost its round may be seen, in milliseconds: it waits for a node as
 * long as the node timeout, and then its release may take as long. Claimants are taken to have the same
 * timeout.
 */
export const claimLifeMs = (nodeTimeoutMs: number): number => 2 * nodeTimeoutMs;

/**
 * Why too few nodes voted.
 *
 * - `untrusted`: enough answered, but some of them are in quarantine and have no vote yet.
 * - `mismatch`: enough answered, but some of them do not vote in this client's list of nodes.
 * - `unreachable`: too few answered.
 */
export type Shortfall = 'unreachable' | 'untrusted' | 'mismatch';

/**
 * Why these votes are too few for a majority. A node that had not answered when the round was decided counts
 * as one that did: it may just be slower.
 */
export function shortfallOf(votes: readonly (Vote | undefined)[], majority: number): Shortfall {
  if (votes.length > 0 && votes.length < majority) return 'mismatch';
  let [answered, untrusted, mismatched] = [0, 0, 0];
  for (const vote of votes) {
    const reason = vote?.kind === 'failed' ? vote.reason : undefined;
    if (reason === 'untrusted' || (vote?.kind === 'refused' && vote.untrusted)) untrusted++;
    else if (reason === 'mismatch') mismatched++;
    else if (reason === undefined) answered++;
  }
  if (untrusted > 0 && answered + untrusted >= majority) return 'untrusted';
  return mismatched > 0 && answered + untrusted + mismatched >= majority ? 'mismatch' : 'unreachable';
}

/** How many owners are remembered; those that were met the longest ago are forgotten. */
const MOST_OWNERS = 1_000;

/**
 * The owners that the rounds of a client met, and when each of them was met first. A holder id is never used
 * again, so they need not be kept apart by resource or by attempt.
 */
export class MetOwners {
  /** In the order of the last meeting. */
  readonly #metAt = new Map<string, number>();

  add(owners: readonly string[], nowMs: number): void {
    for (const owner of owners) {
      const metAt = this.#metAt.get(owner) ?? nowMs;
      this.#metAt.delete(owner);
      this.#metAt.set(owner, metAt);
    }
    for (const owner of this.#metAt.keys()) {
      if (this.#metAt.size <= MOST_OWNERS) return;
      this.#metAt.delete(owner);
    }
  }

  /** Those of the owners that were first met at `metByMs` or before, as `outcomeOf` needs them. */
  since(metByMs: number, owners: readonly string[]): ReadonlySet<string> {
    const isOld = (owner: string): boolean => (this.#metAt.get(owner) ?? Infinity) <= metByMs;
    return owners.some(isOld) ? new Set(owners.filter(isOld)) : NOBODY;
  }
}

/** The owners that the refusals of a round name, one for each refusal. */
export function ownersIn(votes: readonly (Vote | undefined)[]): string[] {
  return votes.flatMap((vote) => (vote?.kind === 'refused' && vote.owner !== undefined ? [vote.owner] : []));
}

/**
 * Whether this client may ask again at once after a split vote while the others pause. The client whose key
 * is on the first node that votes has priority. All clients see the same owner there, so they agree without a
 * message. Owners that stay from round to round (`seenBefore`) are passed over, because they are holders and
 * not part of the split vote.
 */
export function hasPriority(
  votes: readonly (Vote | undefined)[],
  seenBefore: ReadonlySet<string> = NOBODY,
): boolean {
  for (const vote of votes) {
    if (vote?.kind === 'granted') return true;
    // All clients pass over a node in quarantine: its grant is a failed vote, its refusals are `untrusted`.
    if (vote?.kind !== 'refused' || vote.untrusted) continue;
    if (vote.owner !== undefined && !seenBefore.has(vote.owner)) return false;
  }
  return false;
}

/**
 * Whether the outcome of a lost round can be read: no vote that has not come could change it. Connections to
 * dead nodes fail before the other nodes can say who holds the resource, so the first votes alone may
 * mislead.
 */
export function isConclusive(
  votes: readonly (Vote | undefined)[],
  majority = majorityOf(votes.length),
): boolean {
  const outstanding = votes.filter((vote) => vote === undefined).length;
  const failures = votes.filter((vote) => vote?.kind === 'failed').length;
  if (outstanding === 0 || votes.length - failures < majority) return true;
  if (votes.length - failures - outstanding < majority) return false;
  const ran = countRecordedTicks(votes);
  if (ran < majority && ran + failures + outstanding >= majority) return false;
  const trusted = votes.filter((vote) => vote?.kind !== 'refused' || !vote.untrusted);
  return [...countNodes(ownersIn(trusted)).values()].every(
    (nodes) => nodes >= majority || nodes + outstanding < majority,
  );
}

/** The number of nodes that have the tick on record. */
const countRecordedTicks = (votes: readonly (Vote | undefined)[]): number =>
  votes.filter((vote) => vote?.kind === 'refused' && vote.reason === 'already_ran').length;

/** The number of nodes that each owner has. */
function countNodes(owners: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const owner of owners) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  return counts;
}
