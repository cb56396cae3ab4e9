import type { Clock, Timer } from '../clock.js';
import { failed, WITHDRAWN, type Vote } from '../core/vote.js';
import type { LockNode } from '../node/lock-node.js';
import type { Arrears } from './arrears.js';
import type { Claim } from './claim.js';
import type { LockEvent } from './events.js';
import { Poll } from './poll.js';

export type Op = Extract<LockEvent, { type: 'vote' }>['op'];

/** What all questions to the same nodes have in common. */
export interface Asking {
  readonly clock: Clock;
  readonly nodes: readonly LockNode[];
  readonly majority: number;
  readonly arrears: Arrears;
  /** Whether somebody wants to hear of each vote, and who tells it. */
  readonly listening: boolean;
  report(node: LockNode, op: Op, vote: Vote, sentAt: number): void;
}

/** A timer that fires later than this tells that the event loop was blocked. */
const LOOP_LAG_MS = 5;

/** One question to all nodes while it is under way: counts the answers as they come, and whoever does not answer in time. */
export class Question {
  readonly poll: Poll;
  #timer: Timer;
  #dueAt: number;
  #outstanding: number;
  /** Who was counted as timed out, where any. */
  #overdue: Set<number> | undefined;

  constructor(
    private readonly asking: Asking,
    private readonly op: Op,
    private readonly claim: Claim,
    private readonly sentAt: number,
    private readonly deadlineAt: number,
    /** Whom it was really put to; all, unless it says otherwise. */
    private readonly wasAsked?: (member: number) => boolean,
  ) {
    const members = asking.nodes.length;
    this.poll = new Poll(members);
    this.#outstanding = members;
    this.#dueAt = deadlineAt;
    this.#timer = asking.clock.setTimer(() => this.#timeOut(), deadlineAt - sentAt);
    for (let member = 0; member < members; member++) claim.sent(member);
  }

  /** The real answer of a member, however late. */
  answered(member: number, answer: Vote): void {
    this.claim.answered(member, answer, this.deadlineAt);
    const wasOverdue = this.#overdue?.has(member) === true;
    if (answer !== WITHDRAWN) this.asking.arrears.answered(member, wasOverdue);
    else if (wasOverdue) this.asking.arrears.withdrew(member);
    if (--this.#outstanding === 0) this.#timer.cancel();
    this.#count(member, answer);
    this.poll.answered(member, answer);
  }

  #count(member: number, vote: Vote): void {
    const { poll, asking } = this;
    if (poll.round.votes[member] !== undefined) return;
    if (asking.listening && this.wasAsked?.(member) !== false)
      asking.report(asking.nodes[member]!, this.op, vote, this.sentAt);
    if (!poll.count(member, vote)) this.#goOnWithoutHung();
    // With the verdict in, the timer has only to tell which votes are missing, and for that nobody waits.
    else if (!asking.listening) this.#timer.cancel();
  }

  /** A majority has answered, and whoever has not owes earlier answers as well: it hangs, and is not waited for again. */
  #goOnWithoutHung(): void {
    const { arrears, majority } = this.asking;
    if (!arrears.any) return;
    const { votes } = this.poll.round;
    const answered = votes.filter((vote) => vote !== undefined && vote.kind !== 'failed').length;
    if (answered < majority) return;
    const missing = votes.flatMap((vote, member) => (vote === undefined ? [member] : []));
    if (missing.every((member) => arrears.owes(member)))
      for (const member of missing) this.#timeOutMember(member);
  }

  #timeOutMember(member: number): void {
    const { clock, arrears } = this.asking;
    if (this.poll.round.votes[member] !== undefined) return;
    this.#overdue ??= new Set<number>();
    this.#overdue.add(member);
    arrears.timedOut(member);
    const afterMs = Math.round(clock.now() - this.sentAt);
    this.#count(member, failed('timeout', new Error(`no answer within ${afterMs} ms`)));
  }

  #timeOut(): void {
    const { clock, nodes } = this.asking;
    // A loop that was blocked runs its timers before it reads what has arrived meanwhile: read first, then judge.
    if (clock.now() - this.#dueAt > LOOP_LAG_MS) {
      this.#dueAt = Number.POSITIVE_INFINITY;
      this.#timer = clock.setTimer(() => this.#timeOut(), 1);
      return;
    }
    for (let member = 0; member < nodes.length; member++) this.#timeOutMember(member);
  }
}
