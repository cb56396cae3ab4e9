import type { RunMark } from '../../core/run.js';
import { keyAfter, type Vote } from '../../core/vote.js';

/**
 * One number holds all that is known of one node, because every acquisition has one for each node: two bits,
 * and above them the number of requests that have not been answered.
 */
const GRANTED = 1;
const MAY_BE_THERE = 2;
const OUTSTANDING = 4;

/** A node that has granted, and that nothing is asked of. */
const HELD = GRANTED | MAY_BE_THERE;

/**
 * Nearly all keys that are held are held on every node, and nothing is under way. They share one list, by the
 * number of nodes: it is copied before it is changed.
 */
const heldOnAll: (number[] | undefined)[] = [];

/** The list with what is known now of one node: the same list, unless it is shared. */
function changed(known: number[], nodeIndex: number, state: number): number[] {
  const count = known.length;
  const nodes = known === heldOnAll[count] ? [...known] : known;
  nodes[nodeIndex] = state;
  const isHeldOnAll = state === HELD && nodes.every((one) => one === HELD);
  return isHeldOnAll ? (heldOnAll[count] ??= nodes) : nodes;
}

/**
 * What one holder id may have left on each node, so that nothing of it stays behind. A request whose answer
 * never came may still be carried out until its deadline; after that the node refuses it.
 */
export class KeyTracker {
  /**
   * The run that may be on record as started although its routine has not begun. A release takes it back.
   * `undefined` once it has begun, and for a retry: then an earlier attempt did begin.
   */
  unbegunRun: RunMark | undefined;
  #nodes: number[];
  /** The latest deadline of a request whose connection broke, by node. */
  #mayActUntil: Map<number, number> | undefined;

  constructor(
    readonly resources: readonly string[],
    readonly holderId: string,
    nodeCount: number,
  ) {
    this.#nodes = new Array<number>(nodeCount).fill(0);
  }

  sent(nodeIndex: number): void {
    this.#nodes = changed(this.#nodes, nodeIndex, this.#nodes[nodeIndex]! + OUTSTANDING);
  }

  /** Takes the node's real answer, which may be later than the vote that was counted. */
  answered(nodeIndex: number, vote: Vote, deadlineAt: number): void {
    const before = this.#nodes[nodeIndex]! - OUTSTANDING;
    const key = keyAfter(vote);
    const mayBeThere = key === 'as before' ? before & MAY_BE_THERE : key === 'possible' ? MAY_BE_THERE : 0;
    const granted = vote.kind === 'granted' ? GRANTED : 0;
    this.#nodes = changed(this.#nodes, nodeIndex, (before & ~HELD) | mayBeThere | granted);
    if (vote.kind === 'failed' && vote.reason === 'disconnected') {
      this.#mayActUntil ??= new Map();
      this.#mayActUntil.set(nodeIndex, Math.max(this.#mayActUntil.get(nodeIndex) ?? 0, deadlineAt));
    }
  }

  /** Whether the node's last answer was a grant. */
  isGranted(nodeIndex: number): boolean {
    return (this.#nodes[nodeIndex]! & GRANTED) !== 0;
  }

  /** Whether a request to the node has not been answered. */
  isAsked(nodeIndex: number): boolean {
    return this.#nodes[nodeIndex]! >= OUTSTANDING;
  }

  /** Whether the key may be on the node, now or when a request that is on its way arrives. */
  mayHoldTheKey(nodeIndex: number): boolean {
    return this.#nodes[nodeIndex]! >= MAY_BE_THERE;
  }

  /** Whether a key may be on any node. */
  get mayBeThere(): boolean {
    for (const known of this.#nodes) if (known >= MAY_BE_THERE) return true;
    return false;
  }

  /**
   * Whether a release that the node answered now is final: nothing that was sent before can be carried out
   * after it.
   */
  isFinal(nodeIndex: number, now: number): boolean {
    return !this.isAsked(nodeIndex) && (this.#mayActUntil?.get(nodeIndex) ?? 0) <= now;
  }
}
