import { majorityOf, verdictOf, type Verdict } from './quorum.js';
import type { Granted, Vote } from './vote.js';

/**
 * Counts the votes of one round. The deciding vote decides the round. Later votes are recorded too, because
 * their grants may have to be released, but they change nothing.
 */
export class VoteTally {
  readonly #votes: (Vote | undefined)[];
  /** Created with its final length: V8 gives an array that grows room for seventeen elements. */
  readonly #decidingGrants: Granted[];
  #granted = 0;
  #outstanding: number;
  #verdict: Verdict;

  constructor(
    readonly nodeCount: number,
    /** How many grants win: a majority of the list of nodes that the client votes under. */
    readonly majority = majorityOf(nodeCount),
  ) {
    this.#votes = new Array<Vote | undefined>(nodeCount).fill(undefined);
    this.#decidingGrants = new Array<Granted>(majority);
    this.#outstanding = nodeCount;
    this.#verdict = verdictOf(majority, 0, nodeCount);
  }

  get verdict(): Verdict {
    return this.#verdict;
  }

  /** The votes by `nodeIndex`; `undefined` for a vote that has not come. */
  get votes(): readonly (Vote | undefined)[] {
    return this.#votes;
  }

  /** The grants that decided a won round, in the order of their arrival: exactly a majority. */
  get decidingGrants(): readonly Granted[] {
    return this.#granted === this.#decidingGrants.length
      ? this.#decidingGrants
      : this.#decidingGrants.slice(0, this.#granted);
  }

  /** How many nodes granted, however late; `decidingGrants` ends at the majority. */
  countGrants(): number {
    return this.#votes.filter((vote) => vote?.kind === 'granted').length;
  }

  /** How many nodes answered, whatever they said. */
  countAnswers(): number {
    return this.#votes.filter((vote) => vote !== undefined && vote.kind !== 'failed').length;
  }

  /**
   * Counts a node's vote and returns the verdict. A node votes once: its second vote is ignored.
   * @throws RangeError when there is no node of this index.
   */
  record(nodeIndex: number, vote: Vote): Verdict {
    if (!Number.isInteger(nodeIndex) || nodeIndex < 0 || nodeIndex >= this.nodeCount) {
      throw new RangeError(`nodeIndex must be an integer from 0 to ${this.nodeCount - 1}, got ${nodeIndex}`);
    }
    if (this.#votes[nodeIndex] !== undefined) return this.#verdict;
    this.#votes[nodeIndex] = vote;
    if (this.#verdict !== 'pending') return this.#verdict;
    this.#outstanding--;
    if (vote.kind === 'granted') this.#decidingGrants[this.#granted++] = vote;
    this.#verdict = verdictOf(this.majority, this.#granted, this.#outstanding);
    return this.#verdict;
  }
}
