import type { Clock } from '../../clock.js';
import { yieldDelayMs } from '../../core/backoff.js';
import { outcomeOf, hasPriority, ownersIn, type Outcome } from '../../core/outcome.js';
import { acquireRound, type AcquireRoundResult, type LockRequest } from './acquire-round.js';
import type { VoteTally } from '../../core/vote-tally.js';
import type { NodeVote } from '../../api/errors.js';
import type { Quorum } from '../quorum/quorum.js';

export interface AttemptContext {
  readonly clock: Clock;
  readonly random: () => number;
  /** A new one for every acquire round: with one for all, the late release of the first would delete the grant of the second. */
  readonly newHolderId: () => string;
  readonly sleep: (delayMs: number) => Promise<void>;
}

export type AttemptResult =
  | Extract<AcquireRoundResult, { kind: 'won' }>
  | (Outcome & {
      readonly votes: readonly NodeVote[];
      readonly failure?: string;
      readonly undone: Promise<unknown>;
    });

export type Won = Extract<AttemptResult, { kind: 'won' }>;
export type NotWon = Exclude<AttemptResult, { kind: 'won' }>;

const answers = ({ votes }: VoteTally): number =>
  votes.filter((vote) => vote !== undefined && vote.kind !== 'failed').length;

const late = ({ votes }: VoteTally): number =>
  votes.filter((vote) => vote?.kind === 'failed' && vote.reason === 'late').length;

/** Each look doubles the distance between claimants; ten are enough for dozens of them. */
const LOOKS = 10;

/**
 * One attempt: a acquire round, and while the votes are split among claimants, more of them. Who was granted the lowest-numbered
 * node goes on at once, the others yield and look again before they say held: workers whose cron fires on the same
 * millisecond would otherwise each win a minority, and all skip.
 */
export async function attempt(
  quorum: Quorum,
  context: AttemptContext,
  request: LockRequest,
  /** Asked from time to time: nobody waits for the outcome any more. */
  isCancelled: () => boolean,
): Promise<AttemptResult> {
  const { clock, random } = context;
  /** Owners that were met at an earlier look. */
  let met: Set<string> | undefined;
  let wasLate = false;
  for (let look = 0; ; look++) {
    const outside = quorum.roundLimiter.enter();
    if (outside !== undefined) await outside;
    if (isCancelled()) {
      quorum.roundLimiter.leave(true);
      return { kind: 'contended', votes: [], undone: Promise.resolve() };
    }
    const startedAt = clock.now();
    const result = await acquireRound(quorum, clock, request, context.newHolderId(), isCancelled);
    quorum.roundLimiter.leave(result.kind === 'won' || answers(result.tally) >= quorum.majority);
    if (result.kind === 'won') return result;
    const { votes } = result.tally;
    met ??= new Set();
    const outcome: Outcome = result.failure === undefined ? outcomeOf(votes, met) : { kind: 'unreachable' };
    const { undone, failure } = result;
    // What came too late was not carried out: this process stood still, or was very busy. Once more, with time enough.
    const isLate = answers(result.tally) + late(result.tally) >= quorum.majority;
    if (outcome.kind === 'unreachable' && isLate && !wasLate && look < LOOKS && !isCancelled()) {
      wasLate = true;
      await undone;
      continue;
    }
    if (outcome.kind !== 'contended' || look === LOOKS || isCancelled()) {
      return {
        ...outcome,
        votes: quorum.namedVotes(result.tally),
        undone,
        ...(failure === undefined ? {} : { failure }),
      };
    }
    const favoured = hasPriority(votes, met);
    for (const owner of ownersIn(votes)) met.add(owner);
    const roundMs = clock.now() - startedAt;
    await undone;
    const delayMs = yieldDelayMs(look, roundMs, random());
    if (!favoured) await context.sleep(delayMs);
    // The favoured one has only to leave the others the time to yield.
    else if (look > 0) await context.sleep(delayMs / 4);
  }
}
