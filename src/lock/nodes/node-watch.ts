import type { Clock } from '../../clock.js';
import type { LockNode } from '../../node/lock-node.js';
import type { NodeState } from '../../node/node-state.js';
import type { NodeSnapshot } from '../../api/events.js';
import type { LockEvents } from '../../api/lock-events.js';
import type { NodeViews } from './node-views.js';

/** The state of a node as users see it. `twin`: the node whose server it turns out to be, for now. */
export function snapshotOf(node: LockNode, twin: LockNode | undefined, now: number): NodeSnapshot {
  const { name, state } = node;
  if (twin !== undefined)
    return { name, status: 'misconfigured', reason: `it is the same server as ${twin.name}` };
  const { status, reason, trustedAt } = state;
  return {
    name,
    status,
    ...(reason === undefined ? {} : { reason }),
    ...(trustedAt === undefined ? {} : { trustedInMs: Math.max(0, Math.ceil(trustedAt - now)) }),
  };
}

/**
 * Reports every change of a node's state, and calls `onReady` when a node votes again. A node that turns out
 * to be the same server as another one is reported as misconfigured for as long as that is so: under two
 * addresses it would vote twice, and a majority would be none.
 */
export function watchNodes(
  nodes: readonly LockNode[],
  views: NodeViews,
  clock: Clock,
  events: LockEvents,
  warn: (message: string) => void,
  onReady: (nodeIndex: number) => void,
): () => void {
  const warned = new Set<string>();
  const warnOnce = (message: string): void => {
    if (!warned.has(message)) warn(message);
    warned.add(message);
  };
  const reported: NodeState['status'][] = nodes.map(({ state }) => state.status);
  const report = (node: LockNode, nodeIndex: number): void => {
    const snapshot = snapshotOf(node, views.twinOf(nodeIndex), clock.now());
    const { status } = snapshot;
    if (status === reported[nodeIndex]) return;
    reported[nodeIndex] = status;
    events.emit({ type: 'node', node: snapshot });
    warnOfLostVote(snapshot, warn);
    if (status === 'ready') onReady(nodeIndex);
  };
  const stops = nodes.map((node) =>
    node.onStateChange(({ cautions = [] }) => {
      for (const caution of cautions) warnOnce(`node ${node.name}: ${caution}`);
      // Whether a node is a twin depends on the others, too.
      nodes.forEach(report);
    }),
  );
  return () => stops.forEach((stop) => stop());
}

function warnOfLostVote({ name, status, reason = status, trustedInMs }: NodeSnapshot, warn: Warn): void {
  if (status === 'misconfigured') warn(`node ${name} has no vote: ${reason}`);
  if (status === 'untrusted') {
    const left = trustedInMs === undefined ? 'now' : `another ${Math.ceil(trustedInMs / 1_000)} s`;
    warn(`node ${name} has no vote for ${left}: ${reason}`);
  }
}

type Warn = (message: string) => void;
