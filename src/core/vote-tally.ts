import { majorityOf, verdictOf, type Verdict } from './quorum.js';
import type { Granted, Vote } from './vote.js';

/**
 * One question to all nodes, and the votes as they come in. The round is decided at the deciding vote; what arrives
 * later is kept, because it may have to be undone, but changes nothing.
 */
export class VoteTally {
  readonly #votes: (Vote | undefined)[];
  /** An array that grows is given room for seventeen. */
  readonly #decidingGrants: Granted[];
  #granted = 0;
  #outstanding: number;
  #verdict: Verdict;

  constructor(readonly nodeCount: number) {
    this.#votes = new Array<Vote | undefined>(nodeCount).fill(undefined);
    this.#decidingGrants = new Array<Granted>(majorityOf(nodeCount));
    this.#outstanding = nodeCount;
    this.#verdict = verdictOf(nodeCount, 0, nodeCount);
  }

  get verdict(): Verdict {
    return this.#verdict;
  }

  /** The votes by member; `undefined` where none has come. */
  get votes(): readonly (Vote | undefined)[] {
    return this.#votes;
  }

  /** The grants that were in when the round was won, in the order of their arrival: exactly a majority. */
  get decidingGrants(): readonly Granted[] {
    return this.#granted === this.#decidingGrants.length
      ? this.#decidingGrants
      : this.#decidingGrants.slice(0, this.#granted);
  }

  /** Counts one member's vote. A member votes once: a second vote of the same member is ignored. */
  record(nodeIndex: number, vote: Vote): Verdict {
    if (!Number.isInteger(nodeIndex) || nodeIndex < 0 || nodeIndex >= this.nodeCount) {
      throw new RangeError(`nodeIndex must be an integer from 0 to ${this.nodeCount - 1}, got ${nodeIndex}`);
    }
    if (this.#votes[nodeIndex] !== undefined) return this.#verdict;
    this.#votes[nodeIndex] = vote;
    if (this.#verdict !== 'pending') return this.#verdict;
    this.#outstanding--;
    if (vote.kind === 'granted') this.#decidingGrants[this.#granted++] = vote;
    this.#verdict = verdictOf(this.nodeCount, this.#granted, this.#outstanding);
    return this.#verdict;
  }
}
