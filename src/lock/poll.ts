import { isReadable } from '../core/ending.js';
import type { Verdict } from '../core/quorum.js';
import { Round } from '../core/round.js';
import type { Vote } from '../core/vote.js';

/** One question to all nodes, and what comes of it. */
export class Poll {
  readonly round: Round;
  /** Settles when the round is won, or is lost and can be read; at the node timeout at the latest. */
  readonly decided: Promise<Verdict>;
  #decide!: (verdict: Verdict) => void;
  /** The real answer of each node, however late. */
  readonly #answers: (Vote | undefined)[];
  /** Who waits for an answer, by member. */
  #waiting: Map<number, ((vote: Vote) => void)[]> | undefined;

  constructor(members: number) {
    this.round = new Round(members);
    this.#answers = new Array<Vote | undefined>(members).fill(undefined);
    this.decided = new Promise((resolve) => (this.#decide = resolve));
  }

  /** Counts a member's vote, which may stand for one that has not come; tells whether the round is decided. */
  count(member: number, vote: Vote): boolean {
    const verdict = this.round.record(member, vote);
    if (verdict === 'pending' || (verdict === 'lost' && !isReadable(this.round.votes))) return false;
    this.#decide(verdict);
    return true;
  }

  answered(member: number, vote: Vote): void {
    this.#answers[member] = vote;
    for (const then of this.#waiting?.get(member) ?? []) then(vote);
  }

  /** Calls back with the member's real answer, at once if it is in. */
  whenAnswered(member: number, then: (vote: Vote) => void): void {
    const answer = this.#answers[member];
    if (answer !== undefined) return then(answer);
    this.#waiting ??= new Map<number, ((vote: Vote) => void)[]>();
    const waiting = this.#waiting.get(member);
    if (waiting === undefined) this.#waiting.set(member, [then]);
    else waiting.push(then);
  }
}
