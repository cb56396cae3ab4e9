import type { NodeInspection } from '../../node/lock-node.js';
import type { Clock } from '../../clock.js';
import { laterRun } from '../../core/run.js';
import type { Failed } from '../../core/vote.js';
import { QuorumUnreachableError } from '../../api/errors.js';
import type { Inspection } from '../../api/inspection.js';
import { answerWithin } from './answer-within.js';
import { holderOf } from './holder-id.js';
import type { Quorum } from './quorum.js';

/** What every node says of a resource. Rejects with a QuorumUnreachableError if too few of them answer. */
export async function inspectNodes(
  quorum: Quorum,
  clock: Clock,
  resource: string,
  nodeTimeoutMs: number,
): Promise<readonly (NodeInspection | Failed)[]> {
  const answers = await Promise.all(
    quorum.nodes.map((node) =>
      answerWithin(
        clock,
        nodeTimeoutMs,
        node.inspect([resource]).then(([answer]) => answer),
      ),
    ),
  );
  if (answers.filter(({ kind }) => kind === 'inspected').length >= quorum.majority) return answers;
  const votes = answers.map((answer, nodeIndex) => ({
    node: quorum.nodes[nodeIndex]!.name,
    vote: answer.kind === 'failed' ? answer : undefined,
  }));
  throw new QuorumUnreachableError([resource], votes, 'too few nodes answered to inspect it');
}

/** The owner that a majority of the nodes names. */
export const ownerOfMajority = (
  owners: readonly (string | undefined)[],
  majority: number,
): string | undefined =>
  owners.find((one) => one !== undefined && owners.filter((other) => other === one).length >= majority);

/** Asks every node for the owner, the counter and the latest run of a resource. */
export async function inspectResource(
  quorum: Quorum,
  clock: Clock,
  resource: string,
  nodeTimeoutMs: number,
): Promise<Inspection> {
  const answers = await inspectNodes(quorum, clock, resource, nodeTimeoutMs);
  const { majority } = quorum;
  const known = answers.filter((answer): answer is NodeInspection => answer.kind === 'inspected');
  const owners = known.map(({ owner }) => owner);
  const owner = ownerOfMajority(owners, majority);
  const isFree = owners.filter((one) => one === undefined).length >= majority;
  const runs = known.map(({ run }) => run);
  const lifetimesMs = known.filter((one) => one.owner === owner).map((one) => one.remainingMs);
  return {
    resource,
    status: owner === undefined ? (isFree ? 'free' : 'split') : 'held',
    holder: owner === undefined ? undefined : holderOf(owner),
    remainingMs: owner === undefined ? 0 : (lifetimesMs.sort((a, b) => b - a)[majority - 1] ?? 0),
    counter: highest(known.map(({ counter }) => counter)),
    lastTick: highest(runs.map((run) => (run?.state === 'open' ? undefined : run?.tick))),
    lastRun: runs.reduce(laterRun, undefined),
    lastSuccess: highest(known.map(({ lastSuccess }) => lastSuccess)),
    nodes: answers.map((answer, nodeIndex) => ({
      node: quorum.nodes[nodeIndex]!.name,
      holder:
        answer.kind === 'inspected' && answer.owner !== undefined
          ? (holderOf(answer.owner) ?? answer.owner)
          : undefined,
      remainingMs: answer.kind === 'inspected' ? answer.remainingMs : undefined,
    })),
  };
}

/** `undefined` if there is none. */
function highest(values: readonly (number | undefined)[]): number | undefined {
  const present = values.filter((value) => value !== undefined);
  return present.length === 0 ? undefined : Math.max(...present);
}
