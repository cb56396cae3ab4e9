import type { NodeRecord, NodeState } from '../../node-state.js';
import { IS_NEW } from '../../server/voting-state.js';

/** What the state of the Cluster needs of a shard. */
export interface ShardState {
  readonly name: string;
  readonly state: NodeState;
}

/**
 * Worst first. `untrusted` is the worst, because a vote may come from a shard in quarantine and must be known
 * as such.
 */
const WORST_FIRST = ['untrusted', 'misconfigured', 'closed', 'unreachable', 'connecting'] as const;

/**
 * The state of a Cluster as one node, made of the states of its shards. It is what users see, and what all
 * nodes together are judged by; a request is judged by its own shard.
 *
 * The Cluster is `ready` when every shard votes and every slot is served, and `new` when every shard is new.
 * Otherwise it is as bad as its worst shard, which the reason names. The shard of the first slot is the
 * `speaker`: its identity is the identity of the Cluster.
 */
export function clusterStateOf(
  shards: readonly ShardState[],
  speaker: { readonly state: NodeState } | undefined,
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
  if (fresh.length > 0 && fresh.length === shards.length && unserved === 0) {
    const hindered = fresh.find(({ state: { reason = IS_NEW } }) => reason !== IS_NEW);
    return { ...about, status: 'new', reason: hindered === undefined ? IS_NEW : reasonOf(hindered) };
  }
  for (const status of WORST_FIRST) {
    const bad = shards.filter(({ state }) => state.status === status);
    const [first] = bad;
    if (first === undefined) {
      // A shard without a marker beside others that have one: its grants will not count for a while.
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
  const hindered = shards.find(({ state }) => state.reason !== undefined);
  return { ...about, ...(hindered && { reason: reasonOf(hindered) }), status: 'ready' };
}

type About = Omit<NodeState, 'status' | 'reason' | 'trustedAt'>;

function aboutAll(shards: readonly ShardState[], speaker: { readonly state: NodeState } | undefined): About {
  const { serverId, id } = speaker?.state ?? {};
  const record = recordOf(shards);
  const cautions = cautionsOf(shards);
  return {
    ...(serverId === undefined ? {} : { serverId }),
    ...(id === undefined ? {} : { id }),
    ...(record === undefined ? {} : { record }),
    ...(cautions.length === 0 ? {} : { cautions }),
    ...clockOf(shards),
  };
}

/** The cautions of all shards. What several have to say is told by the first of them. */
function cautionsOf(shards: readonly ShardState[]): string[] {
  const firstWith = new Map<string, string>();
  for (const { name, state } of shards)
    for (const caution of state.cautions ?? [])
      if (!firstWith.has(caution)) firstWith.set(caution, `shard ${name}: ${caution}`);
  return [...firstWith.values()];
}

/**
 * The record of a Cluster: the lists that all shards have, or the oldest ones if they differ. The Cluster is
 * blank if one shard is. `undefined` as long as the record of a shard is unknown.
 */
function recordOf(shards: readonly ShardState[]): NodeRecord | undefined {
  const records = shards.flatMap(({ state: { record } }) => (record === undefined ? [] : [record]));
  if (records.length === 0 || records.length < shards.length) return undefined;
  const isBlank = records.some(({ pair }) => pair === undefined);
  const [oldest] = records.toSorted((a, b) => (a.pair?.list.epoch ?? -1) - (b.pair?.list.epoch ?? -1));
  return {
    memory: records.map(({ memory }) => memory).join(', '),
    sequence: records.reduce((sum, { sequence }) => sum + sequence, 0),
    pair: isBlank ? undefined : oldest!.pair,
    inForceAt: Math.max(...records.map(({ inForceAt }) => inForceAt)),
    writtenAt: Math.max(...records.map(({ writtenAt }) => writtenAt)),
  };
}

/** The shard's clock that differs most from ours. If one of the clocks was stepped, it is that one. */
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
