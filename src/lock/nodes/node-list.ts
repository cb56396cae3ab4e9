import type { Clock } from '../../clock.js';
import { quarantineMsOf } from '../../core/quarantine.js';
import type { LockNode, NodeState } from '../../node/lock-node.js';
import { MemoryNode } from '../../node/memory/memory-node.js';
import type { NodeSource, RedisLike, RedisNodeOptions } from '../../node/node-options.js';
import {
  clusterEndpointOf,
  isClusterClient,
  isClusterOptions,
  type ClusterEndpoint,
} from '../../node/redis/cluster/cluster-endpoint.js';
import { endpointOf, type Endpoint } from '../../node/redis/connection/endpoint.js';
import { RedisClusterNode } from '../../node/redis/cluster/redis-cluster-node.js';
import { RedisNode } from '../../node/redis/redis-node.js';
import type { LockEvents, NodeSnapshot } from '../../api/events.js';
import type { ResolvedManagerOptions } from '../../api/options.js';

const isNode = (source: unknown): source is LockNode =>
  typeof source === 'object' && source !== null && 'ask' in source && 'onStateChange' in source;

const isOptions = (source: unknown): source is RedisNodeOptions | RedisLike =>
  typeof source === 'object' && source !== null && !Array.isArray(source);

/** Makes the voters, and refuses a list that cannot be a membership: empty, or with the same server or name twice. */
export function openNodes(
  sources: readonly NodeSource[],
  options: ResolvedManagerOptions,
  clock: Clock,
  random: () => number,
): LockNode[] {
  if (!Array.isArray(sources))
    throw new TypeError('nodes must be a list of urls, ioredis options or clients');
  if (sources.length === 0)
    throw new RangeError('nodes must not be empty: give at least one Redis server, better three or five');
  // All are read before one is connected to: a mistake in the last leaves nothing open.
  const voters = sources.map((source: NodeSource, index) => readSource(source, `nodes[${index}]`));
  const seen = new Map<unknown, number>();
  voters.forEach((voter, index) => {
    const identity = 'ask' in voter ? voter : voter.address;
    const first = seen.get(identity);
    if (first !== undefined) {
      throw new RangeError(
        `nodes[${first}] and nodes[${index}] are the same server (${voter.name}); it would vote twice`,
      );
    }
    const namesake = voters.findIndex(({ name }) => name === voter.name);
    if (namesake < index) {
      throw new RangeError(
        `nodes[${namesake}] and nodes[${index}] are both called ${JSON.stringify(voter.name)}; ` +
          'metrics, errors and trustNode tell nodes apart by their names: memoryNode({ name }) gives one',
      );
    }
    seen.set(identity, index);
  });
  if (voters.length % 2 === 0) {
    options.warn(
      `nodes has an even number of members (${voters.length}): that survives no more failures than ${voters.length - 1} would, ` +
        'and a vote may split in halves',
    );
  }
  const { keyPrefix, driftFactor } = options;
  const quarantineMs = quarantineMsOf(options.restartQuarantine, voters.length, options.maxTtlMs);
  const settings = { keyPrefix, driftFactor, quarantineMs, clock, random };
  return voters.map((voter) => {
    if ('ask' in voter) return voter;
    return 'seeds' in voter ? new RedisClusterNode(voter, settings) : new RedisNode(voter, settings);
  });
}

function readSource(source: unknown, where: string): Endpoint | ClusterEndpoint | LockNode {
  if (isNode(source)) return source;
  if (isOptions(source) && (isClusterClient(source) || isClusterOptions(source)))
    return clusterEndpointOf(source, where);
  if (typeof source === 'string') return endpointOf(source, where);
  if (isOptions(source)) return endpointOf(source, where);
  throw new TypeError(
    `${where} must be a url, ioredis options, an ioredis client or a node, got ${typeof source}`,
  );
}

export const isInMemory = (node: LockNode): boolean => node instanceof MemoryNode;

/** What is known of a node now. */
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
 * Tells what becomes of the nodes, and who votes from now on, and takes out one that turns out to be the same server as another: under two addresses
 * it would vote twice, and a majority would be none.
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
  const ends = nodes.map((node, index) => {
    let told: NodeState['status'] | undefined = node.state.status;
    return node.onStateChange((state) => {
      const { status, reason = status, serverId, caution } = state;
      const isNews = status !== told;
      told = status;
      if (isNews) {
        const snapshot = snapshotOf(node, clock.now());
        events.emit({ type: 'node', node: snapshot });
        if (status === 'misconfigured') warn(`node ${node.name} has no vote: ${reason}`);
        if (status === 'untrusted') {
          const { trustedInMs } = snapshot;
          const left = trustedInMs === undefined ? 'now' : `another ${Math.ceil(trustedInMs / 1_000)} s`;
          warn(`node ${node.name} has no vote for ${left}: ${reason}`);
        }
      }
      if (caution !== undefined) warnOnce(`node ${node.name}: ${caution}`);
      const twin = nodes.findIndex(
        (other, place) => place !== index && serverId !== undefined && other.state.serverId === serverId,
      );
      if (twin < 0) {
        if (isNews && status === 'ready') onReady(index);
        return;
      }
      const [earlier, later] = twin < index ? [nodes[twin]!, node] : [node, nodes[twin]!];
      later.markMisconfigured(`it is the same server as ${earlier.name}`);
    });
  });
  return () => ends.forEach((end) => end());
}
