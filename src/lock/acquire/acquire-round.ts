import type { Clock } from '../../clock.js';
import { agreeOn, tokenOf } from '../../core/fencing.js';
import { majorityOf } from '../../core/quorum.js';
import type { VoteTally } from '../../core/vote-tally.js';
import { lossMarginMs } from '../../core/extension-schedule.js';
import { driftMsOf, validityLeftMs, type Grant } from '../../core/validity.js';
import { KeyTracker } from '../quorum/key-tracker.js';
import type { QuorumCall } from '../quorum/quorum-call.js';
import type { LockRequest as Request, Quorum } from '../quorum/quorum.js';

/** What is wanted, fully resolved. */
export interface LockRequest extends Request {
  readonly driftFactor: number;
  readonly fencing: boolean;
}

export type AcquireRoundResult =
  | {
      readonly kind: 'won';
      readonly quorum: Quorum;
      readonly request: LockRequest;
      readonly tracker: KeyTracker;
      /** The last of the tokens that were reserved. */
      readonly token: number | undefined;
      /** Whether others are waiting for it on the nodes. */
      readonly othersWait: boolean;
      readonly grant: Grant;
    }
  | {
      readonly kind: 'lost';
      readonly tracker: KeyTracker;
      readonly tally: VoteTally;
      /** Set where the round was won, but what had to follow was not. */
      readonly failure?: string;
      /** Resolves when the nodes that had granted have taken it back. */
      readonly undone: Promise<unknown>;
    };

/**
 * How often the second phase is tried. Giving up after the first would leave a tick on record on a minority, where it
 * hinders the next claimant; while the keys are ours, asking again is harmless.
 */
const CONFIRMATIONS = 3;

/**
 * One round for one resource, to its end: ask all nodes, agree on the fencing token, see that enough validity is left.
 * A acquire round that is not won is undone on every node that did not refuse, in the background if need be. One that nobody waits for
 * any more is not brought to its end, but for a tick, which may be on record on some nodes already.
 */
export async function acquireRound(
  quorum: Quorum,
  clock: Clock,
  request: LockRequest,
  holderId: string,
  isCancelled: () => boolean,
): Promise<AcquireRoundResult> {
  const { ttlMs, driftFactor, fencing, tick } = request;
  const tracker = new KeyTracker(request.resources, holderId, quorum.nodes.length);
  try {
    const sentAt = clock.stamp();
    const grant: Grant = { sentAt, ttlMs, driftMs: driftMsOf(ttlMs, driftFactor) };
    const acquired = quorum.acquire(
      tracker,
      request,
      fencing ? Math.floor(sentAt.wallMs * 1_000) : undefined,
    );
    const verdict = await acquired.decided;
    if (verdict !== 'won') return undo(quorum, request, tracker, acquired.tally);

    const { decidingGrants } = acquired.tally;
    let token = fencing ? tokenOf(decidingGrants) : undefined;
    if (token !== undefined && (tick !== undefined || !agreeOn(token, decidingGrants))) {
      const isVain = (): boolean => tick === undefined && isCancelled();
      if (isVain()) return undo(quorum, request, tracker, acquired.tally, 'nobody waits for it any more');
      const confirmed = await confirm(quorum, clock, request, tracker, acquired, token, grant, isVain);
      if (confirmed.tally.verdict !== 'won') return undo(quorum, request, tracker, confirmed.tally);
      token = confirmed.token;
    }
    const leftMs = validityLeftMs(grant, clock.stamp());
    if (leftMs <= lossMarginMs(ttlMs)) {
      const failure = `the nodes took so long to answer that ${Math.floor(leftMs)} ms of ${ttlMs} ms were left`;
      return undo(quorum, request, tracker, acquired.tally, failure);
    }
    const othersWait = decidingGrants.some(({ waiting = 0 }) => waiting > 0);
    return { kind: 'won', quorum, request, tracker, token, grant, othersWait };
  } finally {
    quorum.endRound(tracker);
  }
}

/**
 * The second phase. A grant that came in late with a higher counter could not help; so each further try takes the highest
 * counter of all grants that are in by then, which is as good a token.
 */
async function confirm(
  quorum: Quorum,
  clock: Clock,
  request: LockRequest,
  tracker: KeyTracker,
  acquired: QuorumCall,
  firstToken: number,
  grant: Grant,
  isVain: () => boolean,
): Promise<{ readonly tally: VoteTally; readonly token: number }> {
  const { tick, nodeTimeoutMs } = request;
  let token = firstToken;
  for (let attempt = 1; ; attempt++) {
    const { tally, decided } = quorum.confirm(tracker, acquired, token, { tick, nodeTimeoutMs });
    const verdict = await decided;
    if (verdict === 'won' || attempt === CONFIRMATIONS || isVain()) return { tally, token };
    const gone = tally.votes.filter(
      (vote) => vote?.kind === 'refused' && vote.reason !== 'superseded',
    ).length;
    if (gone > tally.nodeCount - majorityOf(tally.nodeCount)) return { tally, token };
    if (validityLeftMs(grant, clock.stamp()) <= nodeTimeoutMs) return { tally, token };
    token = Math.max(token, tokenOf(acquired.tally.votes.filter((vote) => vote?.kind === 'granted')));
  }
}

function undo(
  quorum: Quorum,
  { ttlMs, nodeTimeoutMs }: LockRequest,
  tracker: KeyTracker,
  tally: VoteTally,
  failure?: string,
): AcquireRoundResult {
  const enough = tally.votes.filter((vote) => vote?.kind === 'granted').length;
  const undone = quorum.release(tracker, { ttlMs, nodeTimeoutMs, keepMs: 0, enough });
  return { kind: 'lost', tracker, tally, undone, ...(failure === undefined ? {} : { failure }) };
}
