import type { Clock } from '../../clock.js';
import { failed, type Vote } from '../../core/vote.js';
import type { VoteReceiver, LockNode } from '../../node/lock-node.js';
import type { HungNodes } from './hung-nodes.js';
import type { KeyTracker } from './key-tracker.js';
import type { LockEvent } from '../../api/events.js';
import { Poll } from './poll.js';
import type { Timed, Timeout, Timeouts } from './call-timeouts.js';

export type Op = Extract<LockEvent, { type: 'vote' }>['op'];

/** What all questions to the same nodes have in common. */
export interface QuorumCallContext {
  readonly clock: Clock;
  readonly timeouts: Timeouts;
  readonly nodes: readonly LockNode[];
  readonly majority: number;
  readonly hungNodes: HungNodes;
  /** Whether somebody wants to hear of each vote, and who tells it. */
  readonly listening: boolean;
  report(node: LockNode, op: Op, vote: Vote, sentAt: number): void;
}

/** One question to all nodes while it is under way: counts the answers as they come, and whoever does not answer in time. */
export class Question implements VoteReceiver, Timed {
  readonly poll: Poll;
  #outstanding: number;
  /** Until its time is up, or there is nothing to be waited for. */
  #timeout: Timeout | undefined;

  constructor(
    private readonly context: QuorumCallContext,
    private readonly op: Op,
    private readonly tracker: KeyTracker,
    private readonly sentAt: number,
    private readonly deadlineAt: number,
    /** Whom it was really put to; all, unless it says otherwise. */
    private readonly wasAsked?: (nodeIndex: number) => boolean,
  ) {
    const nodeCount = context.nodes.length;
    this.poll = new Poll(nodeCount);
    this.#outstanding = nodeCount;
    this.#timeout = context.timeouts.begin(this, deadlineAt);
    for (let nodeIndex = 0; nodeIndex < nodeCount; nodeIndex++) tracker.sent(nodeIndex);
  }

  /** The real answer of a member, however late. */
  receive(nodeIndex: number, answer: Vote): void {
    const { poll } = this;
    const { hungNodes } = this.context;
    this.tracker.answered(nodeIndex, answer, this.deadlineAt);
    const wasOverdue = poll.isOverdue(nodeIndex);
    const isWithdrawn = answer.kind === 'failed' && answer.reason === 'withdrawn';
    if (!isWithdrawn) hungNodes.recovered(nodeIndex, wasOverdue);
    else if (wasOverdue) hungNodes.withdrew(nodeIndex);
    if (!wasOverdue) this.#report(nodeIndex, answer);
    this.#counted(poll.answered(nodeIndex, answer));
    if (--this.#outstanding === 0) this.#endWait();
  }

  timeOut(): void {
    if (this.#timeout === undefined) return;
    this.#timeout = undefined;
    for (let nodeIndex = 0; nodeIndex < this.context.nodes.length; nodeIndex++)
      this.#timeOutMember(nodeIndex);
  }

  #report(nodeIndex: number, vote: Vote): void {
    const { context } = this;
    if (context.listening && this.wasAsked?.(nodeIndex) !== false)
      context.report(context.nodes[nodeIndex]!, this.op, vote, this.sentAt);
  }

  #counted(isDecided: boolean): void {
    if (!isDecided) this.#goOnWithoutHung();
    // With the verdict in, the timer has only to tell which votes are missing, and for that nobody waits.
    else if (!this.context.listening) this.#endWait();
  }

  #endWait(): void {
    this.#timeout?.end();
    this.#timeout = undefined;
  }

  /** A majority has answered, and whoever has not owes earlier answers as well: it hangs, and is not waited for again. */
  #goOnWithoutHung(): void {
    const { hungNodes, majority } = this.context;
    if (!hungNodes.any) return;
    const { votes } = this.poll.tally;
    const answered = votes.filter((vote) => vote !== undefined && vote.kind !== 'failed').length;
    if (answered < majority) return;
    const missing = votes.flatMap((vote, nodeIndex) => (vote === undefined ? [nodeIndex] : []));
    if (missing.every((nodeIndex) => hungNodes.isHung(nodeIndex)))
      for (const nodeIndex of missing) this.#timeOutMember(nodeIndex);
  }

  #timeOutMember(nodeIndex: number): void {
    const { clock, hungNodes } = this.context;
    if (this.poll.hasVoteOf(nodeIndex)) return;
    hungNodes.timedOut(nodeIndex);
    const afterMs = Math.round(clock.now() - this.sentAt);
    const vote = failed('timeout', new Error(`no answer within ${afterMs} ms`));
    this.#report(nodeIndex, vote);
    this.#counted(this.poll.timedOut(nodeIndex, vote));
  }
}
