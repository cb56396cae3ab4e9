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
  #hearers: readonly ((nodeIndex: number, vote: Vote) => void)[] | undefined;

  constructor(nodeCount: number) {
    this.tally = new VoteTally(nodeCount);
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

  hasVoteOf(nodeIndex: number): boolean {
    return this.tally.votes[nodeIndex] !== undefined;
  }

  isOverdue(nodeIndex: number): boolean {
    return this.#overdue?.has(nodeIndex) === true;
  }

  /** A member's real answer, however late; tells whether the round is decided. */
  answered(nodeIndex: number, vote: Vote): boolean {
    // Whoever comes while it is counted hears of it by that.
    const hearers = this.#hearers;
    const isLate = this.isOverdue(nodeIndex);
    if (isLate) this.#overdue!.set(nodeIndex, vote);
    const isDecided = isLate ? this.#verdict !== undefined : this.#count(nodeIndex, vote);
    if (hearers !== undefined) for (const hear of hearers) hear(nodeIndex, vote);
    return isDecided;
  }

  /** A vote in place of an answer that has not come in time; tells whether the round is decided. */
  timedOut(nodeIndex: number, vote: Vote): boolean {
    this.#overdue ??= new Map<number, Vote | undefined>();
    this.#overdue.set(nodeIndex, undefined);
    return this.#count(nodeIndex, vote);
  }

  /** Calls back with the real answer of each member: at once with those that are in. */
  forEachAnswer(hear: (nodeIndex: number, vote: Vote) => void): void {
    this.#hearers = this.#hearers === undefined ? [hear] : [...this.#hearers, hear];
    this.tally.votes.forEach((vote, nodeIndex) => {
      const answer = this.isOverdue(nodeIndex) ? this.#overdue!.get(nodeIndex) : vote;
      if (answer !== undefined) hear(nodeIndex, answer);
    });
  }

  #count(nodeIndex: number, vote: Vote): boolean {
    const verdict = this.tally.record(nodeIndex, vote);
    if (verdict === 'pending' || (verdict === 'lost' && !isConclusive(this.tally.votes))) return false;
    if (this.#verdict === undefined) {
      this.#verdict = verdict;
      this.#onDecided?.(verdict);
    }
    return true;
  }
}
