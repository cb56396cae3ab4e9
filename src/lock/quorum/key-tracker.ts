import { keyAfter, type Vote } from '../../core/vote.js';

/** What is known of one node is one number, because every acquisition has one for each: */
const GRANTED = 1;
const MAY_BE_THERE = 2;
/** and so many times this: the requests that have not been answered. */
const OUTSTANDING = 4;

/**
 * What one holder id may have left on each node, so that nothing of it stays behind. A command whose answer never came
 * may still be carried out until its deadline; after that the node refuses it.
 */
export class KeyTracker {
  readonly #nodes: number[];
  /** Where a connection broke under a request. */
  #mayActUntil: Map<number, number> | undefined;

  constructor(
    readonly resources: readonly string[],
    readonly holderId: string,
    members: number,
  ) {
    this.#nodes = new Array<number>(members).fill(0);
  }

  sent(member: number): void {
    this.#nodes[member]! += OUTSTANDING;
  }

  /** The node's real answer, which may be later than the one that was counted. */
  answered(member: number, vote: Vote, deadlineAt: number): void {
    const before = this.#nodes[member]! - OUTSTANDING;
    const key = keyAfter(vote);
    const mayBeThere = key === 'as before' ? before & MAY_BE_THERE : key === 'possible' ? MAY_BE_THERE : 0;
    const granted = vote.kind === 'granted' ? GRANTED : 0;
    this.#nodes[member] = (before & ~(GRANTED | MAY_BE_THERE)) | mayBeThere | granted;
    if (vote.kind === 'failed' && vote.reason === 'disconnected') {
      this.#mayActUntil ??= new Map();
      this.#mayActUntil.set(member, Math.max(this.#mayActUntil.get(member) ?? 0, deadlineAt));
    }
  }

  /** Whether the member's last answer was a grant. */
  isGranted(member: number): boolean {
    return (this.#nodes[member]! & GRANTED) !== 0;
  }

  /** Whether a request to the member has not been answered. */
  isAsked(member: number): boolean {
    return this.#nodes[member]! >= OUTSTANDING;
  }

  /** Whether the key may be on the node, now or when what is under way gets there. */
  mayHoldTheKey(member: number): boolean {
    return this.#nodes[member]! >= MAY_BE_THERE;
  }

  /** Whether a key may be on any of them. */
  get mayBeThere(): boolean {
    return this.#nodes.some((_, member) => this.mayHoldTheKey(member));
  }

  /** Whether a release that the node answered now is the last word: nothing sent before can come after it. */
  isFinal(member: number, now: number): boolean {
    return !this.isAsked(member) && (this.#mayActUntil?.get(member) ?? 0) <= now;
  }
}
