import type { NodeState } from '../../lock-node.js';

/** A shard as the state of the whole depends on it. */
export interface ShardState {
  readonly name: string;
  readonly state: NodeState;
}

/** From the worst on. `untrusted` first: an answer that a shard in quarantine may have given must be known for one. */
const WORST_FIRST = ['untrusted', 'misconfigured', 'closed', 'unreachable', 'connecting'] as const;

/**
 * The state of a Cluster as one node, made of those of its shards. Each request is judged by its own shard; this is what is
 * told of the whole, and what all nodes together are judged by. It is `ready` when every shard votes and every slot is served,
 * and `new` when all of it is; else it is as bad as the worst shard, which the reason names. For the whole speaks the shard
 * of the first slot: who it is says who the Cluster is.
 */
export function clusterStateOf(
  shards: readonly ShardState[],
  speaker: { readonly id: string; readonly state: NodeState } | undefined,
  unserved: number,
  isStarting: boolean,
): NodeState {
  const about = aboutAll(shards, speaker);
  const reasonOf = ({ name, state: { status, reason = status } }: ShardState): string =>
    `shard ${name}: ${reason}`;
  const isUntrusted = shards.some(({ state }) => state.status === 'untrusted');
  if (isStarting && !isUntrusted && shards.some(({ state }) => state.status === 'connecting'))
    return { status: 'connecting' };
  const fresh = shards.filter(({ state }) => state.status === 'new');
  if (fresh.length > 0 && fresh.length === shards.length && unserved === 0)
    return { ...about, status: 'new', reason: 'it is new, or has lost everything' };
  for (const status of WORST_FIRST) {
    const bad = shards.filter(({ state }) => state.status === status);
    const [first] = bad;
    if (first === undefined) {
      // A shard without a marker beside others that have one: its grants do not count, and will not for a while.
      if (status === 'untrusted' && fresh[0] !== undefined && fresh.length < shards.length)
        return { ...about, status, reason: reasonOf(fresh[0]) };
      continue;
    }
    const ends = bad.map(({ state }) => state.trustedAt).filter((end) => end !== undefined);
    const trustedAt = status === 'untrusted' && ends.length > 0 ? { trustedAt: Math.max(...ends) } : {};
    return {
      ...about,
      ...trustedAt,
      status: status === 'connecting' || status === 'closed' ? 'unreachable' : status,
      reason: reasonOf(first),
    };
  }
  if (unserved > 0)
    return { ...about, status: 'unreachable', reason: `${unserved} of its slots are served by no master` };
  return { ...about, status: 'ready' };
}

type About = Omit<NodeState, 'status' | 'reason' | 'trustedAt'>;

function aboutAll(
  shards: readonly ShardState[],
  speaker: { readonly id: string; readonly state: NodeState } | undefined,
): About {
  const { serverId, id, members } = speaker?.state ?? {};
  const cautious = shards.find(({ state }) => state.caution !== undefined);
  return {
    ...(serverId === undefined ? {} : { serverId }),
    // A shard's marker, and so its own id, is another one whenever slots move.
    ...(id === undefined || speaker === undefined ? {} : { id: speaker.id }),
    ...(members === undefined ? {} : { members }),
    ...(cautious === undefined ? {} : { caution: `shard ${cautious.name}: ${cautious.state.caution}` }),
    ...clockOf(shards),
  };
}

/** Of the shards' clocks the one that differs most from ours: if one of them was stepped, it is that one. */
function clockOf(shards: readonly ShardState[]): Pick<NodeState, 'clockOffsetMs' | 'ownGapMs'> {
  let widest = -1;
  let furthest: Pick<NodeState, 'clockOffsetMs' | 'ownGapMs'> = {};
  for (const { state } of shards) {
    const { clockOffsetMs, ownGapMs } = state;
    if (clockOffsetMs === undefined || ownGapMs === undefined) continue;
    const distance = Math.abs(clockOffsetMs - ownGapMs);
    if (distance > widest) [widest, furthest] = [distance, { clockOffsetMs, ownGapMs }];
  }
  return furthest;
}
