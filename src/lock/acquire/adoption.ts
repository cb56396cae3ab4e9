import { adoptionOutcome, giverLeftMs } from '../../core/adoption.js';
import { extensionDueAt, extensionRetryMs, lossMarginMs } from '../../core/extension-schedule.js';
import { driftMsOf, endOf, validityLeftMs } from '../../core/validity.js';
import { PRESENT_ONLY } from '../../node/lock-node.js';
import type { Quorum } from '../quorum/quorum.js';
import type { LockRequest, TakenLease } from '../quorum/terms.js';
import { acquireRound } from './acquire-round.js';
import type { AttemptContext, AttemptResult, NotAcquired, Won } from './attempt.js';
import { pause, type Cancellation } from './cancellation.js';

const UNREACHABLE = { kind: 'unreachable' } as const;

/**
 * Takes the keys of another lease: one acquire round, in which each node compares the holder id and sets the
 * new one in one step. So the giver can extend nothing on a node that granted, and of several that adopt the
 * same lease one gets a majority at most.
 *
 * If the giver has not ended its lease, it may still be valid. Then this waits until it cannot be any more,
 * and what a lost round has taken is left to expire: were it released, somebody else could acquire a resource
 * whose holder has not learned that it lost it.
 */
export async function adoptKeys(
  quorum: Quorum,
  context: AttemptContext,
  request: LockRequest & { readonly from: TakenLease },
  cancellation: Cancellation,
): Promise<AttemptResult> {
  const room = quorum.roundLimiter.enter();
  if (room !== undefined) await room;
  const before = quorum.roundLimiter.answered;
  const result = await acquireRound(quorum, context, request, cancellation);
  if (result.kind === 'won') {
    quorum.roundLimiter.leave(true);
    const leftMs = giverLeftMs(result.decidingGrants);
    if (leftMs === undefined) return giveUp(result, 'a node does not tell whose keys it took');
    if (request.from.isOver) return result;
    return outlastGiver(result, context, leftMs, cancellation);
  }
  const { tally, undone, failure } = result;
  const { votes, majority } = tally;
  const outcome = failure === undefined ? adoptionOutcome(votes, majority) : UNREACHABLE;
  quorum.roundLimiter.leave(outcome.kind !== 'unreachable', before);
  const why = failure === undefined ? {} : { failure };
  return { ...outcome, votes: quorum.namedVotes(tally), majority, undone, ...why };
}

/** Holds the keys for as long as the giver's lease may be valid, and then gives them. */
async function outlastGiver(
  won: Won,
  { clock, driftFactor }: AttemptContext,
  leftMs: number,
  cancellation: Cancellation,
): Promise<AttemptResult> {
  const { quorum, tracker, token: maxCounter, request } = won;
  const { id, ttlMs, nodeTimeoutMs } = request;
  const until = clock.now() + leftMs + driftMsOf(leftMs, driftFactor);
  let { grant } = won;
  let dueAt = extensionDueAt(grant);
  const isHeld = (): boolean => validityLeftMs(grant, clock.stamp()) > lossMarginMs(ttlMs);
  while (clock.now() < until && isHeld()) {
    if (cancellation.isCancelled) return giveUp(won, 'nobody waits for it any more');
    await pause(clock, Math.max(0, Math.min(until, dueAt) - clock.now()), cancellation).catch(
      () => undefined,
    );
    if (clock.now() < dueAt) continue;
    const sentAt = clock.stamp();
    const terms = { id, ttlMs, nodeTimeoutMs, validUntil: endOf(grant), token: PRESENT_ONLY, maxCounter };
    const isExtended = (await quorum.extend(tracker, terms).decided) === 'won';
    if (isExtended) grant = { ...grant, sentAt };
    dueAt = isExtended ? extensionDueAt(grant) : clock.now() + extensionRetryMs(ttlMs);
  }
  if (isHeld()) return { ...won, grant };
  return giveUp(won, 'no majority of the nodes extended the keys while the giver could hold them');
}

function giveUp({ quorum, tracker, request, decidingGrants }: Won, failure: string): NotAcquired {
  const { id, ttlMs, nodeTimeoutMs, from } = request;
  const terms = { id, ttlMs, nodeTimeoutMs, keepMs: 0, enough: decidingGrants.length };
  const undone = from?.isOver === true ? quorum.release(tracker, terms) : Promise.resolve();
  return { ...UNREACHABLE, votes: [], failure, undone };
}
