import { keyAfter, type Vote } from '../core/vote.js';

/**
 * What one holder id may have left on each node, so that nothing of it stays behind. A command whose answer never came
 * may still be carried out until its deadline; after that the node refuses it.
 */
export class Claim {
  readonly #outstanding: number[];
  readonly #mayActUntil: number[];
  readonly #mayBeThere: boolean[];
  readonly #granted: boolean[];

  constructor(
    readonly resources: readonly string[],
    readonly holderId: string,
    members: number,
  ) {
    this.#outstanding = new Array<number>(members).fill(0);
    this.#mayActUntil = new Array<number>(members).fill(0);
    this.#mayBeThere = new Array<boolean>(members).fill(false);
    this.#granted = new Array<boolean>(members).fill(false);
  }

  sent(member: number): void {
    this.#outstanding[member]!++;
  }

  /** The node's real answer, which may be later than the one that was counted. */
  answered(member: number, vote: Vote, deadlineAt: number): void {
    this.#outstanding[member]!--;
    this.#granted[member] = vote.kind === 'granted';
    const key = keyAfter(vote);
    if (key !== 'as before') this.#mayBeThere[member] = key === 'possible';
    if (vote.kind === 'failed' && vote.reason === 'disconnected') {
      this.#mayActUntil[member] = Math.max(this.#mayActUntil[member]!, deadlineAt);
    }
  }

  /** Whether the member's last answer was a grant. */
  isGranted(member: number): boolean {
    return this.#granted[member]!;
  }

  /** Whether the key may be on the node, now or when what is under way gets there. */
  mayHoldTheKey(member: number): boolean {
    return this.#outstanding[member]! > 0 || this.#mayBeThere[member]!;
  }

  /** Whether a release that the node answered now is the last word: nothing sent before can come after it. */
  isSettled(member: number, now: number): boolean {
    return this.#outstanding[member] === 0 && this.#mayActUntil[member]! <= now;
  }
}
