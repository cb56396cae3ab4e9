import { isConclusive } from '../../core/outcome.js';
import type { Verdict } from '../../core/quorum.js';
import { VoteTally } from '../../core/vote-tally.js';
import type { Vote } from '../../core/vote.js';

/** One question to all nodes, and what comes of it. */
export class Poll {
  readonly tally: VoteTally;
  #verdict: Verdict | undefined;
  #onDecided: ((verdict: Verdict) => void) | undefined;
  /** Whose vote stands for one that had not come, and the real answer, once it has. */
  #overdue: Map<number, Vote | undefined> | undefined;
  /** Who hears of the real answer of each member. */
  #hearers: readonly ((member: number, vote: Vote) => void)[] | undefined;

  constructor(members: number) {
    this.tally = new VoteTally(members);
  }

  /** Resolves when the round is won, or is lost and can be read; at the node timeout at the latest. */
  get decided(): Promise<Verdict> {
    return new Promise((resolve) => this.whenDecided(resolve));
  }

  /** The same by a callback, without a promise; for one who asks. */
  whenDecided(then: (verdict: Verdict) => void): void {
    if (this.#verdict === undefined) this.#onDecided = then;
    else then(this.#verdict);
  }

  hasVoteOf(member: number): boolean {
    return this.tally.votes[member] !== undefined;
  }

  isOverdue(member: number): boolean {
    return this.#overdue?.has(member) === true;
  }

  /** A member's real answer, however late; tells whether the round is decided. */
  answered(member: number, vote: Vote): boolean {
    // Whoever comes while it is counted hears of it by that.
    const hearers = this.#hearers;
    const isLate = this.isOverdue(member);
    if (isLate) this.#overdue!.set(member, vote);
    const isDecided = isLate ? this.#verdict !== undefined : this.#count(member, vote);
    if (hearers !== undefined) for (const hear of hearers) hear(member, vote);
    return isDecided;
  }

  /** A vote in place of an answer that has not come in time; tells whether the round is decided. */
  timedOut(member: number, vote: Vote): boolean {
    this.#overdue ??= new Map<number, Vote | undefined>();
    this.#overdue.set(member, undefined);
    return this.#count(member, vote);
  }

  /** Calls back with the real answer of each member: at once with those that are in. */
  forEachAnswer(hear: (member: number, vote: Vote) => void): void {
    this.#hearers = this.#hearers === undefined ? [hear] : [...this.#hearers, hear];
    this.tally.votes.forEach((vote, member) => {
      const answer = this.isOverdue(member) ? this.#overdue!.get(member) : vote;
      if (answer !== undefined) hear(member, answer);
    });
  }

  #count(member: number, vote: Vote): boolean {
    const verdict = this.tally.record(member, vote);
    if (verdict === 'pending' || (verdict === 'lost' && !isConclusive(this.tally.votes))) return false;
    if (this.#verdict === undefined) {
      this.#verdict = verdict;
      this.#onDecided?.(verdict);
    }
    return true;
  }
}
