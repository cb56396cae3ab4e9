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

  constructor(readonly members: number) {
    this.#votes = new Array<Vote | undefined>(members).fill(undefined);
    this.#decidingGrants = new Array<Granted>(majorityOf(members));
    this.#outstanding = members;
    this.#verdict = verdictOf(members, 0, members);
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
  record(member: number, vote: Vote): Verdict {
    if (!Number.isInteger(member) || member < 0 || member >= this.members) {
      throw new RangeError(`member must be an integer from 0 to ${this.members - 1}, got ${member}`);
    }
    if (this.#votes[member] !== undefined) return this.#verdict;
    this.#votes[member] = vote;
    if (this.#verdict !== 'pending') return this.#verdict;
    this.#outstanding--;
    if (vote.kind === 'granted') this.#decidingGrants[this.#granted++] = vote;
    this.#verdict = verdictOf(this.members, this.#granted, this.#outstanding);
    return this.#verdict;
  }
}
