import { adoptionOutcome, giverLeftMs, type AdoptionOutcome } from '../../core/adoption.js';
import type { Electorate } from '../../core/electorate.js';
import { extensionDueAt, extensionRetryMs, lossMarginMs } from '../../core/extension-schedule.js';
import { driftMsOf, endOf, validityLeftMs } from '../../core/validity.js';
import type { VoteTally } from '../../core/vote-tally.js';
import { PRESENT_ONLY } from '../../node/node-request.js';
import type { KeyTracker } from '../quorum/key-tracker.js';
import type { Quorum } from '../quorum/quorum.js';
import type { LockRequest, TakenLease } from '../quorum/terms.js';
import { acquireRound, newKeys, type Lost } from './acquire-round.js';
import {
  hasForgottenList,
  hasMismatch,
  MISMATCHES,
  UNREACHABLE,
  type AttemptContext,
  type AttemptResult,
  type NotAcquired,
  type Won,
} from './attempt.js';
import { pause, type Cancellation } from './cancellation.js';
import { isLate, LateRounds } from './late-rounds.js';

type AdoptionRequest = LockRequest & { readonly from: TakenLease };

/**
 * Takes the keys of another lease: one acquire round, in which each node compares the holder id and sets the
 * new one in one step. So the giver can extend nothing on a node that granted, and of several that adopt the
 * same lease one gets a majority at most.
 *
 * If the giver has not ended its lease, it may still be valid. Then this waits until it cannot be any more,
 * and what a lost round has taken is left to expire: were it released, somebody else could acquire a resource
 * whose holder has not learned that it lost it.
 *
 * Like an attempt to acquire, it asks again where its requests came too late, and where nodes do not vote
 * under its list. What it has taken by then it keeps, under the same holder id: released keys are gone for
 * good. The lease then counts from the first request, because keys may be as old as that.
 */
export async function adoptKeys(
  quorum: Quorum,
  context: AttemptContext,
  request: AdoptionRequest,
  cancellation: Cancellation,
): Promise<AttemptResult> {
  let keys = newKeys(quorum, context, request);
  const repeats = new Repeats(quorum, request.nodeTimeoutMs);
  for (;;) {
    const room = quorum.roundLimiter.enter();
    if (room !== undefined) await room;
    if (!keys.tracker.mayBeThere) keys = newKeys(quorum, context, request);
    const before = quorum.roundLimiter.answered;
    const { version, current } = quorum.electorates;
    const result = await acquireRound(quorum, context, request, cancellation, keys);
    if (result.kind === 'won') {
      quorum.roundLimiter.leave(true);
      const leftMs = giverLeftMs(result.decidingGrants);
      if (leftMs === undefined) return giveUp(result, 'a node does not tell whose keys it took');
      if (request.from.isOver) return result;
      return outlastGiver(result, context, leftMs, cancellation);
    }
    const { tally, failure } = result;
    const outcome = failure === undefined ? adoptionOutcome(tally.votes, tally.majority) : UNREACHABLE;
    quorum.roundLimiter.leave(outcome.kind !== 'unreachable' || isLate(result), before);
    const mayRepeat = outcome.kind === 'unreachable' && !cancellation.isCancelled;
    if (mayRepeat && (await repeats.allow(result, version, current))) continue;
    const undone = releaseTaken(quorum, keys.tracker, request, tally.countGrants());
    return { ...notAdopted(quorum, outcome, tally), undone, ...(failure === undefined ? {} : { failure }) };
  }
}

/** Which rounds of an adoption are made again because no majority answered. */
class Repeats {
  readonly #lateRounds = new LateRounds();
  #mismatches = 0;

  constructor(
    private readonly quorum: Quorum,
    private readonly nodeTimeoutMs: number,
  ) {}

  /**
   * Whether to ask again after this round, which is counted if so. `version` and `electorate`: those of the
   * round. Where nodes do not vote under the list, it looks at them first, and asks again only if they have
   * another list than before, or had forgotten theirs.
   */
  async allow(lost: Lost, version: number, electorate: Electorate): Promise<boolean> {
    if (this.#lateRounds.mayAskAgain(lost)) return true;
    if (!hasMismatch(lost.tally) || this.#mismatches >= MISMATCHES) return false;
    this.#mismatches++;
    const { electorates } = this.quorum;
    await electorates.synchronize(this.nodeTimeoutMs);
    return electorates.version !== version || hasForgottenList(lost.tally, electorate);
  }
}

/** Holds the keys until the giver's lease cannot be valid any more, and then returns them. */
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
  let failed: VoteTally | undefined;
  const isHeld = (): boolean => validityLeftMs(grant, clock.stamp()) > lossMarginMs(ttlMs);
  while (clock.now() < until && isHeld()) {
    if (cancellation.isCancelled) return giveUp(won, 'nobody waits for it any more');
    await pause(clock, Math.max(0, Math.min(until, dueAt) - clock.now()), cancellation).catch(
      () => undefined,
    );
    if (clock.now() < dueAt) continue;
    const sentAt = clock.stamp();
    const terms = { id, ttlMs, nodeTimeoutMs, validUntil: endOf(grant), token: PRESENT_ONLY, maxCounter };
    const call = quorum.extend(tracker, terms);
    const isExtended = (await call.decided) === 'won';
    if (isExtended) grant = { ...grant, sentAt };
    failed = isExtended ? undefined : call.tally;
    dueAt = isExtended ? extensionDueAt(grant) : clock.now() + extensionRetryMs(ttlMs);
  }
  if (isHeld()) return { ...won, grant };
  return giveUp(won, 'no majority of the nodes extended the keys while the giver could hold them', failed);
}

/**
 * Ends an adoption that had won the keys. `failure` says why. `failed` is the last extension, if it failed:
 * its votes tell whether somebody else took the keys by force meanwhile.
 */
function giveUp(
  { quorum, tracker, request, decidingGrants }: Won,
  failure: string,
  failed?: VoteTally,
): NotAcquired {
  const undone = releaseTaken(quorum, tracker, request, decidingGrants.length);
  // Where only the counter is ahead, the keys are there.
  const votes = failed?.votes.map((vote) =>
    vote?.kind === 'refused' && vote.reason === 'superseded' ? undefined : vote,
  );
  const outcome = votes && adoptionOutcome(votes, failed!.majority);
  if (outcome === undefined) return { ...UNREACHABLE, votes: [], failure, undone };
  const told = notAdopted(quorum, outcome, failed!);
  return outcome.kind === 'unreachable' ? { ...told, failure, undone } : { ...told, undone };
}

const notAdopted = (quorum: Quorum, outcome: AdoptionOutcome, tally: VoteTally) => ({
  ...outcome,
  votes: quorum.namedVotes(tally),
  majority: tally.majority,
});

/**
 * Releases the keys that were taken. If the giver may still hold its lease, they are left to expire instead.
 * Resolves once `enough` nodes have released.
 */
function releaseTaken(
  quorum: Quorum,
  tracker: KeyTracker,
  { id, ttlMs, nodeTimeoutMs, from }: LockRequest,
  enough: number,
): Promise<unknown> {
  if (from?.isOver !== true) return Promise.resolve();
  return quorum.release(tracker, { id, ttlMs, nodeTimeoutMs, keepMs: 0, enough });
}
