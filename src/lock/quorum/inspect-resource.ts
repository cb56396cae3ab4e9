import { majorityOf } from '../../core/quorum.js';
import type { NodeInspection } from '../../node/lock-node.js';
import type { Clock } from '../../clock.js';
import { failed, type Failed } from '../../core/vote.js';
import { QuorumUnreachableError } from '../../api/errors.js';
import { holderOf } from './holder-id.js';
import type { Quorum } from './quorum.js';

/** What the nodes say of a resource, without acquiring it. It may be out of date when it arrives. */
export interface Inspection {
  readonly resource: string;
  /** `held`: one owner has a majority. `free`: a majority has no owner. `split`: neither. */
  readonly status: 'held' | 'free' | 'split';
  /** The holder's name, where it is held by a client of this library. */
  readonly holder: string | undefined;
  /** How long the holder's keys live on a majority, in milliseconds, unless they are extended; 0 when it is not held. */
  readonly remainingMs: number;
  /** The highest fencing counter on any node: the token of the latest holder, or above it. */
  readonly counter: number | undefined;
  /** The latest tick on record, in epoch milliseconds. */
  readonly lastTick: number | undefined;
  /** What each node said; `undefined` where it did not answer. */
  readonly nodes: readonly {
    readonly node: string;
    readonly holder: string | undefined;
    readonly remainingMs: number | undefined;
  }[];
}

export async function inspection(
  quorum: Quorum,
  clock: Clock,
  resource: string,
  nodeTimeoutMs: number,
): Promise<Inspection> {
  const answers = await Promise.all(
    quorum.nodes.map((node) => within(clock, nodeTimeoutMs, node.inspect([resource]))),
  );
  const majority = majorityOf(answers.length);
  const known = answers.filter((answer): answer is NodeInspection => answer.kind === 'inspected');
  if (known.length < majority) {
    const votes = answers.map((answer, nodeIndex) => ({
      node: quorum.nodes[nodeIndex]!.name,
      vote: answer.kind === 'failed' ? answer : undefined,
    }));
    throw new QuorumUnreachableError([resource], votes, 'too few nodes answered to inspect it');
  }
  const owners = known.map(({ owner }) => owner);
  const owner = owners.find(
    (one) => one !== undefined && owners.filter((other) => other === one).length >= majority,
  );
  const free = owners.filter((one) => one === undefined).length >= majority;
  const lives = known.filter((one) => one.owner === owner).map((one) => one.remainingMs);
  return {
    resource,
    status: owner === undefined ? (free ? 'free' : 'split') : 'held',
    holder: owner === undefined ? undefined : holderOf(owner),
    remainingMs: owner === undefined ? 0 : (lives.sort((a, b) => b - a)[majority - 1] ?? 0),
    counter: highest(known.map(({ counter }) => counter)),
    lastTick: highest(known.map(({ lastTick }) => lastTick)),
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

function highest(values: readonly (number | undefined)[]): number | undefined {
  const present = values.filter((value) => value !== undefined);
  return present.length === 0 ? undefined : Math.max(...present);
}

function within(
  clock: Clock,
  timeoutMs: number,
  answers: Promise<readonly (NodeInspection | Failed)[]>,
): Promise<NodeInspection | Failed> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(
      () => resolve(failed('timeout', new Error(`no answer within ${timeoutMs} ms`))),
      timeoutMs,
    );
    void answers.then(([answer]) => {
      timer.cancel();
      resolve(answer ?? failed('error', new Error('the node did not answer the question')));
    });
  });
}
