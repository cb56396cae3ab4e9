import type { Clock } from '../../clock.js';
import { mergeHistory, type PastRun } from '../../core/run-history.js';
import { QuorumUnreachableError } from '../../api/errors.js';
import { answerWithin } from './answer-within.js';
import type { Quorum } from './quorum.js';

/**
 * The past runs of a resource, from the notes of all nodes. A node that keeps none has none. The end of a run
 * goes to a majority of the nodes, so a majority has to answer.
 */
export async function readHistory(
  quorum: Quorum,
  clock: Clock,
  resource: string,
  nodeTimeoutMs: number,
): Promise<readonly PastRun[]> {
  const answers = await Promise.all(
    quorum.nodes.map((node) =>
      answerWithin<readonly string[]>(clock, nodeTimeoutMs, node.history?.(resource) ?? Promise.resolve([])),
    ),
  );
  const lists = answers.flatMap((answer) => ('kind' in answer ? [] : [answer]));
  if (lists.length < quorum.majority) {
    const votes = answers.map((answer, nodeIndex) => ({
      node: quorum.nodes[nodeIndex]!.name,
      vote: 'kind' in answer ? answer : undefined,
    }));
    throw new QuorumUnreachableError([resource], votes, 'too few nodes answered to tell its history');
  }
  return mergeHistory(lists);
}
