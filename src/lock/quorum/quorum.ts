import type { Clock } from '../../clock.js';
import { SEED_MARGIN_MS } from '../../core/fencing.js';
import type { RunMark } from '../../core/run.js';
import type { VoteTally } from '../../core/vote-tally.js';
import type { Vote } from '../../core/vote.js';
import type { LockNode, VoteReceiver } from '../../node/lock-node.js';
import type { AcquireRequest, ExtendRequest } from '../../node/node-request.js';
import type { NodeVote } from '../../api/errors.js';
import type { LockEvents } from '../../api/lock-events.js';
import { Timeouts } from './call-timeouts.js';
import { allOf, type Electorates } from './electorates.js';
import { HungNodes } from './hung-nodes.js';
import type { KeyTracker } from './key-tracker.js';
import { OpenRounds } from './open-rounds.js';
import { FINISH_FOR_MS, PendingFinish } from './pending-finish.js';
import { QuorumCall, type QuorumCallContext } from './quorum-call.js';
import { Releases, NOTHING_RELEASED, type ReleaseContext, type ReleaseResult } from './release.js';
import { RoundLimiter } from './round-limiter.js';
import type { Op, SharedTerms } from './shared-terms.js';
import type { ExtendTerms, LockRequest, ReleaseTerms, RestoreTarget } from './terms.js';

/** So many acquire rounds at once keep the nodes busy, and none of them waits long for its turn. */
const ACQUIRE_ROUNDS = 512;

/**
 * Asks all nodes at once, and counts the votes as they arrive. It never waits for a slow or dead minority.
 */
export class Quorum implements QuorumCallContext, ReleaseContext {
  /** Each acquire round enters it before it begins. */
  readonly roundLimiter = new RoundLimiter(ACQUIRE_ROUNDS);
  readonly timeouts: Timeouts;
  readonly hungNodes: HungNodes;
  readonly #releases: Releases;
  readonly #openRounds = new OpenRounds();

  constructor(
    readonly nodes: readonly LockNode[],
    readonly clock: Clock,
    private readonly events: LockEvents,
    /** The nodes that count now. */
    readonly electorates: Electorates = allOf(nodes.length),
  ) {
    this.timeouts = new Timeouts(clock);
    this.hungNodes = new HungNodes(nodes.length);
    this.#releases = new Releases(this);
  }

  /** How many grants win a round that begins now. */
  get majority(): number {
    return this.electorates.current.majority;
  }

  get listening(): boolean {
    return this.events.listening;
  }

  /**
   * Asks all nodes for the keys. `seed` is where a node without a fencing counter starts; `undefined`: no
   * fencing.
   */
  acquire(tracker: KeyTracker, request: LockRequest, seed: number | undefined): QuorumCall {
    const { resources, holderId } = tracker;
    const { ttlMs, tick, retry, tokens, queueEntry, from } = request;
    const sentAt = this.clock.now();
    const deadlineAt = sentAt + request.nodeTimeoutMs;
    const electorate = this.electorates.current;
    if (from?.isOver !== false) this.#openRounds.add(tracker, request);
    const plain = {
      op: 'acquire',
      list: electorate.listId,
      resources,
      holderId,
      ttlMs,
      deadlineAt,
      seed,
      tick,
      tokens,
      queueEntry,
    } as const;
    const whole = retry ? { ...plain, retry } : plain;
    const asked = from === undefined ? whole : { ...whole, from: from.holderId };
    const usual = seed === undefined ? undefined : seed + SEED_MARGIN_MS * 1_000;
    const shared: SharedTerms = { op: 'acquire', sentAt, deadlineAt, electorate };
    return this.#askAll(request.id, tracker, shared, asked, usual);
  }

  /**
   * Confirms the token, and the attempt to run the tick, on each node that has granted, or still grants, the
   * keys. A node whose counter is above the token, or that knows of this attempt, is not asked, because its
   * grant took no part in them: it counts as refused.
   */
  confirm(
    tracker: KeyTracker,
    acquired: QuorumCall,
    token: number,
    run: RunMark | undefined,
    { id, retry, nodeTimeoutMs }: Pick<LockRequest, 'id' | 'retry' | 'nodeTimeoutMs'>,
  ): QuorumCall {
    const { resources, holderId } = tracker;
    const sentAt = this.clock.now();
    const deadlineAt = sentAt + nodeTimeoutMs;
    const { electorate } = acquired.shared;
    const terms = { op: 'confirm', resources, holderId, deadlineAt, token, list: electorate.listId } as const;
    const request = { ...terms, tick: run?.tick, ...(run === undefined ? {} : { attempt: run.attempt }) };
    if (!retry) tracker.unbegunRun = run;
    const asked = new Set<number>();
    const shared: SharedTerms = { op: 'confirm', sentAt, deadlineAt, electorate };
    const call = new QuorumCall(this, shared, id, tracker, asked);
    acquired.forEachAnswer((nodeIndex, vote) => {
      if (vote.kind !== 'granted') return call.receive(nodeIndex, vote);
      const { counter, attempt = 0 } = vote;
      if (counter > token || (run !== undefined && attempt >= run.attempt))
        return call.receive(nodeIndex, { kind: 'refused', reason: 'superseded', counter });
      asked.add(nodeIndex);
      this.nodes[nodeIndex]!.ask(request, call, nodeIndex);
    });
    return call;
  }

  /** What extensions have in common that are sent at this instant, for `extend`. */
  sharedExtension(sentAt: number, nodeTimeoutMs: number): SharedTerms {
    return { op: 'extend', sentAt, deadlineAt: sentAt + nodeTimeoutMs, electorate: this.electorates.current };
  }

  /** Asks all nodes to prolong the keys. `together`: what they share with others that are sent with them. */
  extend(
    tracker: KeyTracker,
    terms: ExtendTerms,
    together: SharedTerms = this.sharedExtension(this.clock.now(), terms.nodeTimeoutMs),
  ): QuorumCall {
    const shared = endingBy(together, terms.validUntil);
    return this.#askAll(terms.id, tracker, shared, extendRequest(tracker, terms, shared));
  }

  /**
   * Sets the keys again on nodes that refused an extension as `absent`. The caller knows that the lease is
   * valid and that a majority may still have its keys: so nobody else has won the resource, and a counter
   * that is ahead on such a node comes from a claimant that was granted this node and lost. Without this, a
   * node that lost its data, or missed the acquisition, would never help a lease that others keep asking for.
   *
   * Each such node is asked twice: the first request sets the keys whatever its counter is, the second one
   * extends them. The target receives the answer to the second: the node's counter, if it is above
   * `maxCounter`.
   */
  restoreKeys(tracker: KeyTracker, extension: QuorumCall, terms: ExtendTerms, target: RestoreTarget): void {
    extension.forEachAnswer((nodeIndex, vote) => {
      if (vote.kind !== 'refused' || vote.reason !== 'absent' || !target.isHeld) return;
      const node = this.nodes[nodeIndex]!;
      const again = this.sharedExtension(this.clock.now(), terms.nodeTimeoutMs);
      const { electorate } = extension.shared;
      const request = extendRequest(tracker, terms, endingBy({ ...again, electorate }, terms.validUntil));
      tracker.sent(nodeIndex);
      const restored = new RestoredKeys(tracker, request.deadlineAt);
      node.ask({ ...request, token: Number.MAX_SAFE_INTEGER }, restored, nodeIndex);
      node.ask(request, target, nodeIndex);
    });
  }

  /**
   * Releases the keys on every node where they may be. Resolves once `enough` nodes have released, or at the
   * node timeout; the other nodes are asked in the background until their keys have expired. Never rejects.
   */
  release(tracker: KeyTracker, terms: ReleaseTerms): Promise<ReleaseResult> {
    const { id, ttlMs, nodeTimeoutMs, keepMs, enough, queueEntry, finish: run, note } = terms;
    // A minimum hold is to be kept by as many nodes as possible.
    if (keepMs === 0) this.withdraw(tracker);
    if (!tracker.mayBeThere && run === undefined) return Promise.resolve(NOTHING_RELEASED);
    const calledAt = this.clock.now();
    // What was sent before is carried out by the node timeout at the latest. Two TTLs later it has expired,
    // whatever the clocks do.
    const expiredAt = calledAt + nodeTimeoutMs + 2 * Math.max(ttlMs, keepMs);
    const until = calledAt + FINISH_FOR_MS;
    const { current } = this.electorates;
    const order = {
      id,
      tracker,
      calledAt,
      dueAt: calledAt + nodeTimeoutMs,
      keepUntil: calledAt + keepMs,
      expiredAt,
      enough,
      queueEntry,
      finish: run && new PendingFinish(run.mark, this.nodes.length, current, until, run.onEnd),
      open: tracker.unbegunRun,
      note,
    };
    return new Promise((resolve) => this.#releases.begin(order, resolve));
  }

  /**
   * The acquire round of these keys is over: whoever won them, or released them, answers for them from now
   * on.
   */
  endRound(tracker: KeyTracker): void {
    this.#openRounds.remove(tracker);
  }

  /**
   * Releases what acquire rounds that are not over may have written. The release follows their requests on
   * the same connection, so a node that carries out the request carries out the release too.
   */
  releaseOpenRounds(): void {
    this.#openRounds.forEach((tracker, { id, ttlMs, nodeTimeoutMs }) => {
      void this.release(tracker, { id, ttlMs, nodeTimeoutMs, keepMs: 0, enough: 0 });
    });
  }

  /** Resolves when no release is pending, after `timeoutMs` at the latest. */
  async whenReleased(timeoutMs: number): Promise<void> {
    await this.#releases.whenReleased(timeoutMs);
  }

  /** The votes of a round without those of untrusted nodes: a key that is missing there proves nothing. */
  withoutUntrusted({ votes }: VoteTally): (Vote | undefined)[] {
    return votes.map((vote, nodeIndex) =>
      this.nodes[nodeIndex]!.state.status === 'untrusted' ? undefined : vote,
    );
  }

  /** The votes of a round with the names of the nodes, as errors show them. */
  namedVotes(tally: VoteTally): NodeVote[] {
    return this.nodes.map((node, nodeIndex) => ({ node: node.name, vote: tally.votes[nodeIndex] }));
  }

  report(id: number, node: LockNode, op: Op, vote: Vote, sentAt: number): void {
    if (!this.listening) return;
    this.events.emit({
      type: 'vote',
      id,
      node: node.name,
      op,
      vote: vote.kind === 'granted' ? 'granted' : vote.reason,
      ...(vote.kind === 'failed' ? { cause: vote.cause } : {}),
      durationMs: this.clock.now() - sentAt,
    });
  }

  #askAll(
    id: number,
    tracker: KeyTracker,
    shared: SharedTerms,
    request: AcquireRequest | ExtendRequest,
    usualCounter?: number,
  ): QuorumCall {
    const call = new QuorumCall(this, shared, id, tracker, undefined, usualCounter);
    const { exclusions } = shared.electorate;
    for (let nodeIndex = 0; nodeIndex < this.nodes.length; nodeIndex++) {
      const exclusion = exclusions[nodeIndex];
      if (exclusion === undefined) this.nodes[nodeIndex]!.ask(request, call, nodeIndex);
      else call.receive(nodeIndex, exclusion);
    }
    return call;
  }

  /** Cancels the unsent requests for these keys. */
  withdraw(tracker: KeyTracker): void {
    for (let nodeIndex = 0; nodeIndex < this.nodes.length; nodeIndex++) {
      if (tracker.isAsked(nodeIndex)) this.nodes[nodeIndex]!.withdraw?.(tracker.holderId);
    }
  }
}

/**
 * After the end of validity an extension could only bring back what others may have by now: the deadline
 * forbids it.
 */
const endingBy = (shared: SharedTerms, validUntil: number): SharedTerms =>
  shared.deadlineAt <= validUntil ? shared : { ...shared, deadlineAt: validUntil };

function extendRequest(
  { resources, holderId }: KeyTracker,
  { ttlMs, token, maxCounter }: ExtendTerms,
  { deadlineAt, electorate }: SharedTerms,
): ExtendRequest {
  return { op: 'extend', resources, holderId, ttlMs, deadlineAt, token, maxCounter, list: electorate.listId };
}

/** Tells the tracker what became of the request that sets keys again. */
class RestoredKeys implements VoteReceiver {
  constructor(
    private readonly tracker: KeyTracker,
    private readonly deadlineAt: number,
  ) {}

  receive(nodeIndex: number, vote: Vote): void {
    this.tracker.answered(nodeIndex, vote, this.deadlineAt);
  }
}
