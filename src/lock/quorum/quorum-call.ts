import type { Clock } from '../../clock.js';
import { isConclusive } from '../../core/outcome.js';
import type { Verdict } from '../../core/quorum.js';
import { VoteTally } from '../../core/vote-tally.js';
import { failed, type Vote } from '../../core/vote.js';
import type { VoteReceiver, LockNode } from '../../node/lock-node.js';
import { canTake } from './counter-room.js';
import type { HungNodes } from './hung-nodes.js';
import type { KeyTracker } from './key-tracker.js';
import type { Timed, Timeout, Timeouts } from './call-timeouts.js';
import type { Op, SharedTerms } from './shared-terms.js';

/** What all calls to the same nodes have in common. */
export interface QuorumCallContext {
  readonly clock: Clock;
  readonly timeouts: Timeouts;
  readonly nodes: readonly LockNode[];
  readonly hungNodes: HungNodes;
  /** Whether somebody listens to events; if nobody does, `report` need not be called. */
  readonly listening: boolean;
  report(id: number, node: LockNode, op: Op, vote: Vote, sentAt: number): void;
}

/** Hears the real answer of a node, however late. */
type AnswerListener = (nodeIndex: number, answer: Vote) => void;

/**
 * One call of all nodes, about the keys of one holder. It counts the votes as they arrive. A node that does
 * not answer in time gets a failed vote; its real answer still reaches the key tracker and the answer
 * listeners.
 */
export class QuorumCall implements VoteReceiver, Timed {
  readonly tally: VoteTally;
  #verdict: Verdict | undefined;
  #onDecided: ((verdict: Verdict) => void) | undefined;
  /** The real answers of the nodes that timed out; `undefined` while such an answer is not in. */
  #overdue: Map<number, Vote | undefined> | undefined;
  #answerListeners: readonly AnswerListener[] | undefined;
  /** How many nodes have not really answered. */
  #outstanding: number;
  /** `undefined` once the time is up, or once nobody waits for a vote any more. */
  #timeout: Timeout | undefined;

  constructor(
    private readonly context: QuorumCallContext,
    readonly shared: SharedTerms,
    /** The acquire call, or the lease, that it is for. */
    private readonly id: number,
    private readonly tracker: KeyTracker,
    /** The nodes that were really asked; all of them by default. The votes of the others are not reported. */
    private readonly asked?: ReadonlySet<number>,
    /** An acquisition takes counters up to this without a look at the nodes' clocks. */
    private readonly usualCounter: number = Number.POSITIVE_INFINITY,
  ) {
    const nodeCount = context.nodes.length;
    this.tally = new VoteTally(nodeCount, shared.electorate.majority);
    this.#outstanding = nodeCount;
    this.#timeout = context.timeouts.begin(this, shared.deadlineAt);
    for (let nodeIndex = 0; nodeIndex < nodeCount; nodeIndex++) tracker.sent(nodeIndex);
  }

  /** Resolves when the round is won, or lost with a readable outcome; at the node timeout at the latest. */
  get decided(): Promise<Verdict> {
    return new Promise((resolve) => this.whenDecided(resolve));
  }

  /**
   * The same with a callback, which costs less than a promise. There is one: a second call replaces the
   * first.
   */
  whenDecided(onDecided: (verdict: Verdict) => void): void {
    if (this.#verdict === undefined) this.#onDecided = onDecided;
    else onDecided(this.#verdict);
  }

  /**
   * Calls back with the real answer of each node: at once for the answers that are in, later for the others.
   */
  forEachAnswer(listener: AnswerListener): void {
    this.#answerListeners =
      this.#answerListeners === undefined ? [listener] : [...this.#answerListeners, listener];
    this.tally.votes.forEach((vote, nodeIndex) => {
      const answer = this.#isOverdue(nodeIndex) ? this.#overdue!.get(nodeIndex) : vote;
      if (answer !== undefined) listener(nodeIndex, answer);
    });
  }

  /** Takes the real answer of a node, however late. */
  receive(nodeIndex: number, given: Vote): void {
    const answer = this.#judged(given);
    const wasOverdue = this.#isOverdue(nodeIndex);
    this.tracker.answered(nodeIndex, answer, this.shared.deadlineAt);
    const { hungNodes } = this.context;
    const isWithdrawn = answer.kind === 'failed' && answer.reason === 'withdrawn';
    if (!isWithdrawn) hungNodes.recovered(nodeIndex, wasOverdue);
    else if (wasOverdue) hungNodes.withdrew(nodeIndex);
    // A listener that is added while this answer is counted gets it from `forEachAnswer`.
    const listeners = this.#answerListeners;
    if (wasOverdue) {
      this.#overdue!.set(nodeIndex, answer);
    } else {
      this.#report(nodeIndex, answer);
      this.#count(nodeIndex, answer);
    }
    if (listeners !== undefined) for (const listener of listeners) listener(nodeIndex, answer);
    this.#endWaitEarly();
    if (--this.#outstanding === 0) this.#endWait();
  }

  /** A grant with a counter that the others refuse would spoil the token of the round. */
  #judged(vote: Vote): Vote {
    if (vote.kind !== 'granted' || vote.counter <= this.usualCounter) return vote;
    const { nodes, clock } = this.context;
    return canTake(vote.counter, nodes, clock, this.shared.electorate) ? vote : TOO_FAR_AHEAD;
  }

  timeOut(): void {
    if (this.#timeout === undefined) return;
    this.#timeout = undefined;
    for (let nodeIndex = 0; nodeIndex < this.context.nodes.length; nodeIndex++) this.#timeOutNode(nodeIndex);
  }

  #timeOutNode(nodeIndex: number): void {
    if (this.tally.votes[nodeIndex] !== undefined) return;
    const { clock, hungNodes } = this.context;
    hungNodes.timedOut(nodeIndex);
    const afterMs = Math.round(clock.now() - this.shared.sentAt);
    const vote = failed('timeout', new Error(`no answer within ${afterMs} ms`));
    this.#overdue ??= new Map<number, Vote | undefined>();
    this.#overdue.set(nodeIndex, undefined);
    this.#report(nodeIndex, vote);
    this.#count(nodeIndex, vote);
    this.#endWaitEarly();
  }

  #isOverdue(nodeIndex: number): boolean {
    return this.#overdue?.has(nodeIndex) === true;
  }

  #report(nodeIndex: number, vote: Vote): void {
    const { context } = this;
    const { op, sentAt } = this.shared;
    if (context.listening && this.asked?.has(nodeIndex) !== false)
      context.report(this.id, context.nodes[nodeIndex]!, op, vote, sentAt);
  }

  #count(nodeIndex: number, vote: Vote): void {
    const verdict = this.tally.record(nodeIndex, vote);
    if (this.#verdict !== undefined || verdict === 'pending') return;
    if (verdict === 'lost' && !isConclusive(this.tally.votes, this.tally.majority)) return;
    this.#verdict = verdict;
    const onDecided = this.#onDecided;
    // A node that answers much later keeps this call alive, but not those who waited for the verdict.
    this.#onDecided = undefined;
    onDecided?.(verdict);
  }

  #endWaitEarly(): void {
    if (this.#verdict === undefined) this.#stopWaitingForHungNodes();
    // After the verdict the timer would only report which votes are missing.
    else if (!this.context.listening) this.#endWait();
  }

  /**
   * Once a majority has answered, a node that has not answered earlier calls either is not waited for: it
   * hangs.
   */
  #stopWaitingForHungNodes(): void {
    const { hungNodes } = this.context;
    if (!hungNodes.any) return;
    if (this.tally.countAnswers() < this.tally.majority) return;
    const missing = this.tally.votes.flatMap((vote, nodeIndex) => (vote === undefined ? [nodeIndex] : []));
    if (missing.every((nodeIndex) => hungNodes.isHung(nodeIndex)))
      for (const nodeIndex of missing) this.#timeOutNode(nodeIndex);
  }

  #endWait(): void {
    this.#timeout?.end();
    this.#timeout = undefined;
  }
}

const TOO_FAR_AHEAD = failed(
  'error',
  new Error("the node's clock, and with it its fencing counter, is ahead of those of the other nodes"),
);
