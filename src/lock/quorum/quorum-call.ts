import type { Clock } from '../../clock.js';
import { failed, WITHDRAWN, type Vote } from '../../core/vote.js';
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
    private readonly wasAsked?: (member: number) => boolean,
  ) {
    const members = context.nodes.length;
    this.poll = new Poll(members);
    this.#outstanding = members;
    this.#timeout = context.timeouts.begin(this, deadlineAt);
    for (let member = 0; member < members; member++) tracker.sent(member);
  }

  /** The real answer of a member, however late. */
  receive(member: number, answer: Vote): void {
    const { poll } = this;
    const { hungNodes } = this.context;
    this.tracker.answered(member, answer, this.deadlineAt);
    const wasOverdue = poll.isOverdue(member);
    if (answer !== WITHDRAWN) hungNodes.recovered(member, wasOverdue);
    else if (wasOverdue) hungNodes.withdrew(member);
    if (!wasOverdue) this.#report(member, answer);
    this.#counted(poll.answered(member, answer));
    if (--this.#outstanding === 0) this.#endWait();
  }

  timeOut(): void {
    if (this.#timeout === undefined) return;
    this.#timeout = undefined;
    for (let member = 0; member < this.context.nodes.length; member++) this.#timeOutMember(member);
  }

  #report(member: number, vote: Vote): void {
    const { context } = this;
    if (context.listening && this.wasAsked?.(member) !== false)
      context.report(context.nodes[member]!, this.op, vote, this.sentAt);
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
    const missing = votes.flatMap((vote, member) => (vote === undefined ? [member] : []));
    if (missing.every((member) => hungNodes.isHung(member)))
      for (const member of missing) this.#timeOutMember(member);
  }

  #timeOutMember(member: number): void {
    const { clock, hungNodes } = this.context;
    if (this.poll.hasVoteOf(member)) return;
    hungNodes.timedOut(member);
    const afterMs = Math.round(clock.now() - this.sentAt);
    const vote = failed('timeout', new Error(`no answer within ${afterMs} ms`));
    this.#report(member, vote);
    this.#counted(this.poll.timedOut(member, vote));
  }
}
