import type { Vote } from '../../src/core/vote.js';
import type { LockNode, NodeRequest } from '../../src/node/lock-node.js';

/** A node's vote on a request, as a promise. */
export const voteOf = (node: Pick<LockNode, 'ask'>, request: NodeRequest): Promise<Vote> =>
  new Promise((resolve) => node.ask(request, { receive: (_, vote) => resolve(vote) }, 0));
