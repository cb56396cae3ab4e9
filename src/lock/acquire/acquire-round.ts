import type { Clock } from '../../clock.js';
import { lossMarginMs } from '../../core/extension-schedule.js';
import { agreeOn, tokenOf } from '../../core/fencing.js';
import type { Outcome } from '../../core/outcome.js';
import { attemptAfter } from '../../core/run-votes.js';
import type { RunMark } from '../../core/run.js';
import type { VoteTally } from '../../core/vote-tally.js';
import type { Granted } from '../../core/vote.js';
import { driftMsOf, validityLeftMs, type Grant, type Stamp } from '../../core/validity.js';
import { KeyTracker } from '../quorum/key-tracker.js';
import type { QuorumCall } from '../quorum/quorum-call.js';
import type { Quorum } from '../quorum/quorum.js';
import type { LockRequest } from '../quorum/terms.js';
import type { Cancellation } from './cancellation.js';

export interface RoundContext {
  readonly clock: Clock;
  /**
   * A new one for each acquire round: with the same one, the late release of a round would delete the grant
   * of the next.
   */
  readonly newHolderId: () => string;
  readonly driftFactor: number;
  readonly fencing: boolean;
}

/** Keys that are asked for a second time, under the same holder id: they may be set since the first time. */
export interface AskedKeys {
  readonly tracker: KeyTracker;
  /** Before the first request left. */
  readonly sentAt: Stamp;
}

export type AcquireRoundResult =
  | {
      readonly kind: 'won';
      readonly quorum: Quorum;
      readonly request: LockRequest;
      readonly tracker: KeyTracker;
      /** The last of the tokens that were reserved; `undefined`: no fencing. */
      readonly token: number | undefined;
      /** The run of the tick that it is for. */
      readonly run: RunMark | undefined;
      /** How many other processes wait for the resources, by the longest of the nodes' lists. */
      readonly othersWaiting: number;
      /** Exactly a majority, by which it was won. */
      readonly decidingGrants: readonly Granted[];
      readonly grant: Grant;
    }
  | {
      readonly kind: 'lost';
      readonly tally: VoteTally;
      /** Why it counts as lost although a majority granted it. */
      readonly failure?: string;
      /** What came of it, where the votes do not tell. */
      readonly outcome?: Outcome;
      /** It was decided after the node timeout, in which case this process stood still meanwhile. */
      readonly stoodStill?: boolean;
      /** Resolves when the nodes that had granted have released it. */
      readonly undone: Promise<unknown>;
    };

export type Lost = Extract<AcquireRoundResult, { kind: 'lost' }>;

/**
 * How often the second phase is tried. Giving up after the first try would leave a tick on record on a
 * minority, where it hinders the next claimant. While the keys are ours, asking again is harmless.
 */
const CONFIRMATIONS = 3;

/** A node timeout that ends this many ms late shows that this process stood still, or was very busy. */
const STOOD_STILL_MS = 5;

const waitingOn = ({ waiting = 0 }: Granted): number => waiting;

/**
 * One acquire round, to its end: asks all nodes, agrees on the fencing token, and checks that enough validity
 * is left. A round that is not won is undone on every node that did not refuse, in the background if need be.
 * A cancelled round is not brought to its end, unless it is for a tick, which may be on record on some nodes
 * already. A round that takes the keys of another lease is not undone here.
 */
export async function acquireRound(
  quorum: Quorum,
  context: RoundContext,
  request: LockRequest,
  cancellation: Cancellation,
  { tracker, sentAt } = newKeys(quorum, context, request),
): Promise<AcquireRoundResult> {
  const { clock, driftFactor, fencing } = context;
  const { ttlMs, tick } = request;
  const askedAt = clock.now();
  try {
    const grant: Grant = { sentAt, ttlMs, driftMs: driftMsOf(ttlMs, driftFactor) };
    const seed = fencing ? Math.floor(sentAt.wallMs * 1_000) : undefined;
    const acquired = quorum.acquire(tracker, request, seed);
    const verdict = await acquired.decided;
    const stoodStill = clock.now() - askedAt > request.nodeTimeoutMs + STOOD_STILL_MS;
    if (verdict !== 'won') return { ...undo(quorum, request, tracker, acquired.tally), stoodStill };

    const { decidingGrants } = acquired.tally;
    let token = fencing ? tokenOf(decidingGrants) : undefined;
    let run = tick === undefined ? undefined : { tick, attempt: attemptAfter(decidingGrants) };
    if (run !== undefined && isAfterLastRun(run.attempt, request)) {
      const record = { tick: run.tick, attempt: run.attempt - 1, state: 'started' } as const;
      const lost = undo(quorum, request, tracker, acquired.tally);
      return { ...lost, outcome: { kind: 'already_ran', run: record } };
    }
    if (token !== undefined && (tick !== undefined || !agreeOn(token, decidingGrants))) {
      const isInVain = (): boolean => tick === undefined && cancellation.isCancelled;
      if (isInVain()) return undo(quorum, request, tracker, acquired.tally, 'nobody waits for it any more');
      const confirmed = await confirm({ quorum, request, tracker, acquired, grant }, token, isInVain);
      if (confirmed.tally.verdict !== 'won')
        return { ...undo(quorum, request, tracker, confirmed.tally), stoodStill };
      ({ token, run } = confirmed);
    }
    const leftMs = validityLeftMs(grant, clock.stamp());
    if (leftMs <= lossMarginMs(ttlMs)) {
      const left = `${Math.floor(leftMs)} ms of ${ttlMs} ms were left`;
      const failure = `the nodes took so long to answer that ${left}`;
      return { ...undo(quorum, request, tracker, acquired.tally, failure), stoodStill };
    }
    const othersWaiting = Math.max(...decidingGrants.map(waitingOn));
    return { kind: 'won', quorum, request, tracker, token, run, grant, othersWaiting, decidingGrants };
  } finally {
    quorum.endRound(tracker);
  }
}

export const newKeys = (
  quorum: Quorum,
  { clock, newHolderId }: RoundContext,
  { resources }: Pick<LockRequest, 'resources'>,
): AskedKeys => ({
  tracker: new KeyTracker(resources, newHolderId(), quorum.nodes.length),
  sentAt: clock.stamp(),
});

/** Whether no attempt of this number may run the tick any more. */
const isAfterLastRun = (attempt: number, { maxRuns }: LockRequest): boolean =>
  maxRuns !== undefined && attempt > maxRuns;

/** A round in which a majority granted the keys. */
interface GrantedRound {
  readonly quorum: Quorum;
  readonly request: LockRequest;
  readonly tracker: KeyTracker;
  readonly acquired: QuorumCall;
  readonly grant: Grant;
}

/**
 * The second phase. A grant that came in late with a higher counter could not take part in the first try. So
 * each further try takes the highest counter of all grants that are in by then, which is as good a token; and
 * likewise the attempt to run the tick.
 */
async function confirm(
  { quorum, request, tracker, acquired, grant }: GrantedRound,
  firstToken: number,
  isInVain: () => boolean,
): Promise<{ readonly tally: VoteTally; readonly token: number; readonly run: RunMark | undefined }> {
  const { tick } = request;
  let token = firstToken;
  let grants: readonly Granted[] = acquired.tally.decidingGrants;
  for (let count = 1; ; count++) {
    const run = tick === undefined ? undefined : { tick, attempt: attemptAfter(grants) };
    const { tally, decided } = quorum.confirm(tracker, acquired, token, run, request);
    const verdict = await decided;
    if (verdict === 'won' || count === CONFIRMATIONS || isInVain()) return { tally, token, run };
    const gone = tally.votes.filter(
      (vote) => vote?.kind === 'refused' && vote.reason !== 'superseded',
    ).length;
    if (gone > tally.nodeCount - tally.majority) return { tally, token, run };
    if (validityLeftMs(grant, quorum.clock.stamp()) <= request.nodeTimeoutMs) return { tally, token, run };
    grants = acquired.tally.votes.filter((vote) => vote?.kind === 'granted');
    token = Math.max(token, tokenOf(grants));
    if (isAfterLastRun(attemptAfter(grants), request)) return { tally, token, run };
  }
}

function undo(
  quorum: Quorum,
  { id, ttlMs, nodeTimeoutMs, from }: LockRequest,
  tracker: KeyTracker,
  tally: VoteTally,
  failure?: string,
): Lost {
  const why = failure === undefined ? {} : { failure };
  if (from !== undefined) return { kind: 'lost', tally, undone: Promise.resolve(), ...why };
  const enough = tally.countGrants();
  const undone = quorum.release(tracker, { id, ttlMs, nodeTimeoutMs, keepMs: 0, enough });
  return { kind: 'lost', tally, undone, ...why };
}
