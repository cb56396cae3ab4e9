import { FORGETTING } from './schedule.js';

/**
 * The nodes that forgot while they were in no worker's list. Nobody asks such a node, so its memory begins
 * when a later list has it again, and not when its server started anew.
 */
export class UnseenLosses {
  readonly #nodes = new Set<number>();

  /** A fault hit these nodes while the workers had this list. */
  suffered(kind: string, nodes: readonly number[], list: readonly number[]): void {
    if (!FORGETTING.has(kind)) return;
    for (const node of nodes) if (!list.includes(node)) this.#nodes.add(node);
  }

  /** The workers got this list: returns the nodes that find out by it what they forgot, each of them once. */
  foundBy(list: readonly number[]): readonly number[] {
    return list.filter((node) => this.#nodes.delete(node));
  }
}
