import { majorityOf } from './quorum.js';
import type { Failed } from './vote.js';

/** Which nodes a round counts, and how many grants win it. A round and its confirmation have the same one. */
export interface Electorate {
  /** The id of the list of nodes that the client votes under; empty: the nodes keep no lists. */
  readonly listId: string;
  readonly majority: number;
  /** The vote of each node that is not asked; `undefined` for those that are. By `nodeIndex`. */
  readonly exclusions: readonly (Failed | undefined)[];
}

/** All nodes count, and keep no lists. */
export const everyNode = (nodeCount: number): Electorate => ({
  listId: '',
  majority: majorityOf(nodeCount),
  exclusions: [],
});
