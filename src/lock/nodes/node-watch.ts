import type { Clock } from '../../clock.js';
import type { LockNode, NodeState } from '../../node/lock-node.js';
import type { LockEvents, NodeSnapshot } from '../../api/events.js';

/** The state of a node as users see it. */
export function snapshotOf(
  { name, state: { status, reason, trustedAt } }: LockNode,
  now: number,
): NodeSnapshot {
  return {
    name,
    status,
    ...(reason === undefined ? {} : { reason }),
    ...(trustedAt === undefined ? {} : { trustedInMs: Math.max(0, Math.ceil(trustedAt - now)) }),
  };
}

/**
 * Reports every change of a node's state, and calls `onReady` when a node votes again. Excludes a node that
 * turns out to be the same server as another one: under two addresses it would vote twice, and a majority
 * would be none.
 */
export function watchNodes(
  nodes: readonly LockNode[],
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
  const stops = nodes.map((node, nodeIndex) => {
    let reported: NodeState['status'] = node.state.status;
    return node.onStateChange((state) => {
      const isNews = state.status !== reported;
      reported = state.status;
      if (isNews) {
        const snapshot = snapshotOf(node, clock.now());
        events.emit({ type: 'node', node: snapshot });
        warnOfLostVote(snapshot, warn);
      }
      if (state.caution !== undefined) warnOnce(`node ${node.name}: ${state.caution}`);
      const twin = twinOf(nodes, nodeIndex);
      if (twin === undefined) {
        if (isNews && state.status === 'ready') onReady(nodeIndex);
        return;
      }
      const [first, second] = twin < nodeIndex ? [nodes[twin]!, node] : [node, nodes[twin]!];
      excludeNode(second, `it is the same server as ${first.name}`, warn);
    });
  });
  return () => stops.forEach((stop) => stop());
}

function warnOfLostVote({ name, status, reason = status, trustedInMs }: NodeSnapshot, warn: Warn): void {
  if (status === 'misconfigured') warn(`node ${name} has no vote: ${reason}`);
  if (status === 'untrusted') {
    const left = trustedInMs === undefined ? 'now' : `another ${Math.ceil(trustedInMs / 1_000)} s`;
    warn(`node ${name} has no vote for ${left}: ${reason}`);
  }
}

/** The place of another node that is the same server process. */
function twinOf(nodes: readonly LockNode[], nodeIndex: number): number | undefined {
  const { serverId } = nodes[nodeIndex]!.state;
  if (serverId === undefined) return undefined;
  const twin = nodes.findIndex((other, place) => place !== nodeIndex && other.state.serverId === serverId);
  return twin < 0 ? undefined : twin;
}

type Warn = (message: string) => void;

/** Takes a node out of every vote for good. One that cannot be marked as misconfigured is closed. */
export function excludeNode(node: LockNode, reason: string, warn: Warn): void {
  if (node.markMisconfigured !== undefined) return node.markMisconfigured(reason);
  if (node.state.status === 'closed') return;
  warn(`node ${node.name} has no vote: ${reason}`);
  void node.close();
}
