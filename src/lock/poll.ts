import { isReadable } from '../core/ending.js';
import type { Verdict } from '../core/quorum.js';
import { Round } from '../core/round.js';
import type { Vote } from '../core/vote.js';

/** One question to all nodes, and what comes of it. */
export class Poll {
  readonly round: Round;
  #verdict: Verdict | undefined;
  #onDecided: ((verdict: Verdict) => void) | undefined;
  /** The real answer of each node, however late. */
  readonly #answers: (Vote | undefined)[];
  /** Who hears of each of them. */
  #listeners: ((member: number, vote: Vote) => void)[] | undefined;

  constructor(members: number) {
    this.round = new Round(members);
    this.#answers = new Array<Vote | undefined>(members).fill(undefined);
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

  /** Counts a member's vote, which may stand for one that has not come; tells whether the round is decided. */
  count(member: number, vote: Vote): boolean {
    const verdict = this.round.record(member, vote);
    if (verdict === 'pending' || (verdict === 'lost' && !isReadable(this.round.votes))) return false;
    if (this.#verdict === undefined) {
      this.#verdict = verdict;
      this.#onDecided?.(verdict);
    }
    return true;
  }

  answered(member: number, vote: Vote): void {
    this.#answers[member] = vote;
    if (this.#listeners !== undefined) for (const then of this.#listeners) then(member, vote);
  }

  /** Calls back with the real answer of each member: at once with those that are in. */
  forEachAnswer(then: (member: number, vote: Vote) => void): void {
    this.#listeners ??= [];
    this.#listeners.push(then);
    this.#answers.forEach((vote, member) => {
      if (vote !== undefined) then(member, vote);
    });
  }
}
