import type { Clock } from '../../clock.js';
import { majorityOf } from '../../core/quorum.js';
import type { VoteTally } from '../../core/vote-tally.js';
import type { Vote } from '../../core/vote.js';
import type { VoteReceiver, LockNode, NodeRequest, QueueEntry } from '../../node/lock-node.js';
import { HungNodes } from './hung-nodes.js';
import type { KeyTracker } from './key-tracker.js';
import type { NodeVote } from '../../api/errors.js';
import type { LockEvents } from '../../api/events.js';
import { RoundLimiter } from './round-limiter.js';
import { Releases, NOTHING_RELEASED, type ReleaseResult, type ReleaseContext } from './release.js';
import type { Poll } from './poll.js';
import { Question, type QuorumCallContext, type Op } from './quorum-call.js';
import { Timeouts } from './call-timeouts.js';

/** A lease whose keys are set again where they are gone. */
export interface RestoreTarget extends VoteReceiver {
  readonly isHeld: boolean;
}

interface Terms {
  readonly ttlMs: number;
  readonly nodeTimeoutMs: number;
}

/** What an acquisition asks for, but for its holder and its seed. */
interface Wish extends Terms {
  readonly tick: number | undefined;
  readonly tokens: number;
  readonly queueEntry: QueueEntry | undefined;
}

/** So many acquire rounds at once keep the nodes busy, and none of them waits long for its turn. */
const ACQUIRE_ROUNDS = 512;

/** Asks all nodes at once and counts as the answers come. Nothing waits for a slow or dead minority. */
export class Quorum implements QuorumCallContext, ReleaseContext {
  readonly majority: number;
  /** What acquire rounds pass before they begin. */
  readonly roundLimiter = new RoundLimiter(ACQUIRE_ROUNDS);
  readonly timeouts: Timeouts;
  readonly #releases: Releases;
  readonly hungNodes: HungNodes;
  /** Claims whose acquire round is not over. */
  readonly #underWay = new Map<KeyTracker, Terms>();

  constructor(
    readonly nodes: readonly LockNode[],
    readonly clock: Clock,
    private readonly events: LockEvents,
  ) {
    this.majority = majorityOf(nodes.length);
    this.timeouts = new Timeouts(clock);
    this.#releases = new Releases(this);
    this.hungNodes = new HungNodes(nodes.length);
  }

  get listening(): boolean {
    return this.events.listening;
  }

  acquire(tracker: KeyTracker, wish: Wish, seed: number | undefined): Poll {
    const { resources, holderId } = tracker;
    const { ttlMs, tick, tokens, queueEntry } = wish;
    const sentAt = this.clock.now();
    const deadlineAt = sentAt + wish.nodeTimeoutMs;
    this.#underWay.set(tracker, wish);
    return this.#askAll('acquire', tracker, sentAt, {
      op: 'acquire',
      resources,
      holderId,
      ttlMs,
      deadlineAt,
      seed,
      tick,
      tokens,
      queueEntry,
    });
  }

  /** Confirms on every node whose grant is in or still comes in; one whose counter is above the token never counts. */
  confirm(
    tracker: KeyTracker,
    acquired: Poll,
    terms: { token: number; tick: number | undefined; nodeTimeoutMs: number },
  ): Poll {
    const { resources, holderId } = tracker;
    const { token, tick } = terms;
    const sentAt = this.clock.now();
    const deadlineAt = sentAt + terms.nodeTimeoutMs;
    const request = { op: 'confirm', resources, holderId, deadlineAt, token, tick } as const;
    const asked = new Set<number>();
    const question = new Question(this, 'confirm', tracker, sentAt, deadlineAt, (nodeIndex) =>
      asked.has(nodeIndex),
    );
    acquired.forEachAnswer((nodeIndex, vote) => {
      if (vote.kind !== 'granted') return question.receive(nodeIndex, vote);
      const { counter } = vote;
      if (counter > token)
        return question.receive(nodeIndex, { kind: 'refused', reason: 'superseded', counter });
      asked.add(nodeIndex);
      this.nodes[nodeIndex]!.ask(request, question, nodeIndex);
    });
    return question.poll;
  }

  extend(
    tracker: KeyTracker,
    terms: Terms & { token: number | undefined; maxCounter: number | undefined; validUntil: number },
  ): Poll {
    const { resources, holderId } = tracker;
    const { ttlMs, token, maxCounter } = terms;
    // Past the end of validity an extension could only bring back what others may have by now.
    const sentAt = this.clock.now();
    const deadlineAt = Math.min(sentAt + terms.nodeTimeoutMs, terms.validUntil);
    const request = { op: 'extend', resources, holderId, ttlMs, deadlineAt, token, maxCounter } as const;
    return this.#askAll('extend', tracker, sentAt, request);
  }

  /**
   * Sets the keys again on nodes that refused an extension as `absent`, while the lease is valid and a majority may still
   * have its keys: so nobody else has won the resource, and a counter that is ahead there comes from a claimant that was
   * granted this node and lost. Without this a node that lost its data, or missed the acquisition, would never help a lease
   * that others keep asking for. The patient hears what an extension gets there afterwards: the counter, where it is above the
   * ceiling.
   */
  restoreKeys(
    tracker: KeyTracker,
    extension: Poll,
    terms: Terms & { token: number; maxCounter: number; validUntil: number },
    target: RestoreTarget,
  ): void {
    extension.forEachAnswer((absent, vote) => {
      if (vote.kind !== 'refused' || vote.reason !== 'absent' || !target.isHeld) return;
      const { resources, holderId } = tracker;
      const { ttlMs, token, maxCounter } = terms;
      const node = this.nodes[absent]!;
      const deadlineAt = Math.min(this.clock.now() + terms.nodeTimeoutMs, terms.validUntil);
      const request = { op: 'extend', resources, holderId, ttlMs, deadlineAt, maxCounter } as const;
      tracker.sent(absent);
      const set: VoteReceiver = {
        receive: (nodeIndex, answer) => tracker.answered(nodeIndex, answer, deadlineAt),
      };
      node.ask({ ...request, token: Number.MAX_SAFE_INTEGER }, set, absent);
      node.ask({ ...request, token }, target, absent);
    });
  }

  /**
   * Takes the claim off every node where it may be. Resolves once `enough` nodes have said that it is off, or at the node
   * timeout; the others are seen to in the background, until their keys have expired. Never rejects.
   */
  release(
    tracker: KeyTracker,
    terms: Terms & { keepMs: number; enough: number; queueEntry?: QueueEntry | undefined },
  ): Promise<ReleaseResult> {
    const { ttlMs, nodeTimeoutMs, keepMs, enough, queueEntry } = terms;
    // A minimum hold is to be kept by as many nodes as possible.
    if (keepMs === 0) this.#withdraw(tracker);
    if (!tracker.mayBeThere) return Promise.resolve(NOTHING_RELEASED);
    const calledAt = this.clock.now();
    const dueAt = calledAt + nodeTimeoutMs;
    const keepUntil = calledAt + keepMs;
    // What was sent up to now is carried out by the node timeout at the latest, and has expired, whatever the clocks do,
    // two TTLs later.
    const expiredAt = dueAt + 2 * Math.max(ttlMs, keepMs);
    return new Promise((resolve) => {
      this.#releases.begin({ tracker, calledAt, dueAt, keepUntil, expiredAt, enough, queueEntry }, resolve);
    });
  }

  #withdraw(tracker: KeyTracker): void {
    for (let nodeIndex = 0; nodeIndex < this.nodes.length; nodeIndex++) {
      if (tracker.isAsked(nodeIndex)) this.nodes[nodeIndex]!.withdraw?.(tracker.holderId);
    }
  }

  /** To be told when the acquire round for a claim is over, and somebody else answers for it. */
  decided(tracker: KeyTracker): void {
    this.#underWay.delete(tracker);
  }

  /**
   * Takes back what acquire rounds that are not over may have written: the release follows their requests on the same connection,
   * so that a node that carries out the ones carries out the other.
   */
  releaseUnderWay(): void {
    for (const [tracker, { ttlMs, nodeTimeoutMs }] of this.#underWay) {
      void this.release(tracker, { ttlMs, nodeTimeoutMs, keepMs: 0, enough: 0 });
    }
  }

  /** Resolves when nothing is being given back any more, after `timeoutMs` at the latest. */
  async whenReleased(timeoutMs: number): Promise<void> {
    await this.#releases.whenReleased(timeoutMs);
  }

  /** The votes of a round without those of nodes that may have forgotten: that a key is not on them tells nothing. */
  withoutUntrusted({ votes }: VoteTally): (Vote | undefined)[] {
    return votes.map((vote, nodeIndex) =>
      this.nodes[nodeIndex]!.state.status === 'untrusted' ? undefined : vote,
    );
  }

  /** The votes of a round with the names of the nodes, as errors show them. */
  named(tally: VoteTally): NodeVote[] {
    return this.nodes.map((node, nodeIndex) => ({ node: node.name, vote: tally.votes[nodeIndex] }));
  }

  /** Puts one request to all nodes. */
  #askAll(
    op: Op,
    tracker: KeyTracker,
    sentAt: number,
    request: NodeRequest & { readonly deadlineAt: number },
  ): Poll {
    const question = new Question(this, op, tracker, sentAt, request.deadlineAt);
    for (let nodeIndex = 0; nodeIndex < this.nodes.length; nodeIndex++) {
      this.nodes[nodeIndex]!.ask(request, question, nodeIndex);
    }
    return question.poll;
  }

  report(node: LockNode, op: Op, vote: Vote, sentAt: number): void {
    if (!this.listening) return;
    this.events.emit({
      type: 'vote',
      node: node.name,
      op,
      vote: vote.kind === 'granted' ? 'granted' : vote.reason,
      durationMs: this.clock.now() - sentAt,
    });
  }
}
