import { yieldDelayMs } from '../../core/backoff.js';
import {
  claimLifeMs,
  hasPriority,
  outcomeOf,
  ownersIn,
  type MetOwners,
  type Outcome,
} from '../../core/outcome.js';
import type { AdoptionOutcome } from '../../core/adoption.js';
import type { Electorate } from '../../core/electorate.js';
import type { VoteTally } from '../../core/vote-tally.js';
import type { Vote } from '../../core/vote.js';
import {
  LeaseLostError,
  LockNotAcquiredError,
  QuorumUnreachableError,
  type LockError,
  type NodeVote,
} from '../../api/errors.js';
import { holderOf } from '../quorum/holder-id.js';
import type { Quorum } from '../quorum/quorum.js';
import type { LockRequest } from '../quorum/terms.js';
import { acquireRound, type AcquireRoundResult, type Lost, type RoundContext } from './acquire-round.js';
import type { Cancellation } from './cancellation.js';
import { isLate, LateRounds } from './late-rounds.js';

export interface AttemptContext extends RoundContext {
  readonly random: () => number;
  readonly sleep: (delayMs: number) => Promise<void>;
  /** The owners that all attempts have met. */
  readonly metOwners: MetOwners;
}

export type Won = Extract<AcquireRoundResult, { kind: 'won' }>;

export type NotAcquired = (Outcome | AdoptionOutcome) & {
  readonly votes: readonly NodeVote[];
  /** How many grants would have won. */
  readonly majority?: number;
  readonly failure?: string;
  /** Resolves when what the attempt left on the nodes is released: it must not refuse the next attempt. */
  readonly undone: Promise<unknown>;
};

export type AttemptResult = Won | NotAcquired;

/** The answers of nodes that may vote. */
const countTrusted = ({ votes }: VoteTally): number =>
  votes.filter((vote) => vote?.kind === 'granted' || (vote?.kind === 'refused' && !vote.untrusted)).length;

const isMismatch = (vote: Vote | undefined): boolean => vote?.kind === 'failed' && vote.reason === 'mismatch';

export const hasMismatch = ({ votes }: VoteTally): boolean => votes.some(isMismatch);

/**
 * Whether a node does not vote under the list although it was asked, because it had the list when it was
 * looked at. If it has the list again at the next look, nothing seems to have changed: another client may
 * have brought it back.
 */
export const hasForgottenList = ({ votes }: VoteTally, { exclusions }: Electorate): boolean =>
  votes.some((vote, nodeIndex) => isMismatch(vote) && exclusions[nodeIndex] === undefined);

export const UNREACHABLE = { kind: 'unreachable' } as const;

/** Each look doubles the distance between claimants; ten are enough for dozens of them. */
const LOOKS = 10;

/**
 * So often an attempt asks again because nodes did not vote under its list. Nodes that have forgotten it get
 * it back with the first time; a list may change at the same time.
 */
export const MISMATCHES = 3;

/**
 * One attempt: an acquire round, and more of them while the votes are split among claimants. The claimant
 * that was granted the lowest-numbered node goes on at once; the others yield, and look again before they say
 * held. Without that, workers whose cron fires on the same millisecond would each win a minority, and all of
 * them would skip the tick.
 */
export async function attempt(
  quorum: Quorum,
  context: AttemptContext,
  request: LockRequest,
  cancellation: Cancellation,
): Promise<AttemptResult> {
  const { clock, random } = context;
  /** The owners that were met at an earlier look. */
  let met: Set<string> | undefined;
  /** Made when it is needed: nearly every attempt is won in its first round. */
  let lateRounds: LateRounds | undefined;
  let mismatches = 0;
  const beganAt = clock.now();
  const lifeMs = claimLifeMs(request.nodeTimeoutMs);
  for (let look = 0; ; look++) {
    const room = quorum.roundLimiter.enter();
    if (room !== undefined) await room;
    if (cancellation.isCancelled) {
      quorum.roundLimiter.pass();
      return { kind: 'contended', votes: [], undone: Promise.resolve() };
    }
    const startedAt = clock.now();
    const before = quorum.roundLimiter.answered;
    const { version, current } = quorum.electorates;
    const result = await acquireRound(quorum, context, request, cancellation);
    const isAnswered = result.kind === 'won' || result.tally.countAnswers() >= result.tally.majority;
    const share = (clock.now() - startedAt) / request.nodeTimeoutMs;
    const wasLate = result.kind === 'lost' && isLate(result);
    quorum.roundLimiter.leave(isAnswered || wasLate, before, share);
    if (result.kind === 'won') return result;
    const { tally, undone } = result;
    const { votes } = tally;
    met ??= new Set();
    const now = clock.now();
    const owners = ownersIn(votes);
    const outcome = outcomeFor(result, context.metOwners.since(now - lifeMs, owners));
    context.metOwners.add(owners, now);
    // An owner that stays may be the holder. Only when it stays for longer than a claimant would, it is.
    const mayBeHeld =
      outcome.kind === 'contended' &&
      now < beganAt + 2 * lifeMs &&
      outcomeOf(votes, met, tally.majority).kind === 'held';
    const mayGoOn = (look < LOOKS || mayBeHeld) && !cancellation.isCancelled;
    if (outcome.kind === 'unreachable' && mayGoOn && (lateRounds ??= new LateRounds()).mayAskAgain(result)) {
      await undone;
      continue;
    }
    // Nobody can win while too few nodes may vote, so nobody contends either.
    const isVain = outcome.kind === 'contended' && countTrusted(tally) < tally.majority;
    // The list of nodes may have changed, or a node may have forgotten it, since the last look.
    const isShort = (outcome.kind === 'unreachable' || isVain) && hasMismatch(tally);
    if (isShort && mismatches < MISMATCHES && mayGoOn) {
      mismatches++;
      await Promise.all([undone, quorum.electorates.synchronize(request.nodeTimeoutMs)]);
      if (quorum.electorates.version !== version || hasForgottenList(tally, current)) continue;
    }
    if (outcome.kind !== 'contended' || !mayGoOn) {
      return notAcquired(quorum, result, isVain ? UNREACHABLE : outcome);
    }
    const goesFirst = hasPriority(votes, met);
    for (const owner of owners) met.add(owner);
    const roundMs = clock.now() - startedAt;
    await undone;
    const delayMs = yieldDelayMs(look, roundMs, random());
    if (!goesFirst) await context.sleep(delayMs);
    // The one that goes first leaves the others only the time to yield.
    else if (look > 0) await context.sleep(delayMs / 4);
  }
}

/** What came of a lost round. `seenBefore`: see `outcomeOf`. */
function outcomeFor({ tally, failure, outcome }: Lost, seenBefore: ReadonlySet<string>): Outcome {
  if (outcome !== undefined) return outcome;
  return failure === undefined ? outcomeOf(tally.votes, seenBefore, tally.majority) : UNREACHABLE;
}

function notAcquired(quorum: Quorum, { tally, undone, failure }: Lost, outcome: Outcome): NotAcquired {
  const told = { ...outcome, votes: quorum.namedVotes(tally), majority: tally.majority, undone };
  return failure === undefined ? told : { ...told, failure };
}

/** The error that a caller gets for an attempt that was not won. */
export function errorOf(resources: readonly string[], result: NotAcquired): LockError {
  switch (result.kind) {
    case 'unreachable':
      return new QuorumUnreachableError(resources, result.votes, result.failure, result.majority);
    case 'held':
      return new LockNotAcquiredError(resources, 'held', holderOf(result.owner), result.remainingMs);
    case 'already_ran':
      return new LockNotAcquiredError(resources, result.kind, undefined, 0, false, result.run);
    case 'contended':
      return new LockNotAcquiredError(resources, result.kind, undefined, 0);
    case 'gone':
      return new LeaseLostError(resources, 'taken');
  }
}
