import { everyNode, type Electorate } from '../../core/electorate.js';

/** Where a quorum learns which nodes count. */
export interface Electorates {
  /** Who votes in a round that begins now. Replaced at every change. */
  readonly current: Electorate;
  /** Grows whenever a node has another list than before, or the client votes under another one. */
  readonly version: number;
  /**
   * Looks at the nodes again, because some do not vote under this list, and mends what can be mended at once.
   * Takes `timeoutMs` at the longest. Never rejects.
   */
  synchronize(timeoutMs: number): Promise<void>;
}

/** Every node counts, whatever happens: for nodes that keep no list. */
export const allOf = (nodeCount: number): Electorates => ({
  current: everyNode(nodeCount),
  version: 0,
  synchronize: () => Promise.resolve(),
});
