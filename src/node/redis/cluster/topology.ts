import { createHash } from 'node:crypto';
import { hashTagOf, SLOTS, slotOf } from '../protocol/key-slot.js';

type Range = readonly [first: number, last: number];

/** A master of a Cluster, and the slots that it serves. */
export interface ShardPlace {
  /** The server's id within the Cluster. Another server has another id, even at the same address. */
  readonly id: string;
  readonly host: string;
  readonly port: number;
  /** Goes up whenever the server takes slots over, by a failover or a move. */
  readonly epoch: number;
  /** In order, without gaps between neighbours. */
  readonly ranges: readonly Range[];
}

export interface Topology {
  readonly shards: readonly ShardPlace[];
  /** The highest epoch in it. A server that tells a lower one than was seen before is behind the others. */
  readonly epoch: number;
}

/**
 * Reads the answers to CLUSTER SLOTS and CLUSTER NODES. The first has the addresses by which the servers want
 * to be called, the second has the epochs. A server that does not know its own address means the host at
 * which it was asked, which is `askedHost`.
 */
export function topologyOf(slots: unknown, nodes: unknown, askedHost: string): Topology {
  const epochs = epochsOf(String(nodes));
  const shards = new Map<string, ShardPlace & { ranges: Range[] }>();
  for (const entry of Array.isArray(slots) ? (slots as unknown[]) : []) {
    if (!Array.isArray(entry) || !Array.isArray(entry[2])) continue;
    const [first, last, [host, port, id]] = entry as [unknown, unknown, unknown[]];
    if (!isSlot(first) || !isSlot(last) || first > last) continue;
    const name = String(id);
    const isKnown = typeof host === 'string' && host !== '' && host !== '?';
    const shard = shards.get(name) ?? {
      id: name,
      host: isKnown ? host : askedHost,
      port: Number(port),
      epoch: epochs.get(name) ?? 0,
      ranges: [],
    };
    shard.ranges.push([first, last]);
    shards.set(name, shard);
  }
  return {
    shards: [...shards.values()].map((shard) => ({ ...shard, ranges: joined(shard.ranges) })),
    epoch: Math.max(0, ...epochs.values()),
  };
}

const isSlot = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) >= 0 && Number(value) < SLOTS;

/** A line for each server: `<id> <address> <flags> <master> <ping> <pong> <config-epoch> …`. */
function epochsOf(nodes: string): Map<string, number> {
  const lines = nodes.split('\n').map((line) => line.split(' '));
  return new Map(lines.filter((words) => words.length > 6).map((words) => [words[0]!, Number(words[6])]));
}

function joined(ranges: readonly Range[]): Range[] {
  const all: Range[] = [];
  for (const [first, last] of ranges.toSorted(([a], [b]) => a - b)) {
    const before = all.at(-1);
    if (before !== undefined && before[1] + 1 === first) all[all.length - 1] = [before[0], last];
    else all.push([first, last]);
  }
  return all;
}

const serves = ({ ranges }: ShardPlace, slot: number): boolean =>
  ranges.some(([first, last]) => first <= slot && slot <= last);

/**
 * Whether the server still knows everything about its slots that it knew before. It does if it gave some away
 * at most. A higher epoch says that it took slots over, maybe some that it had before, and it may not know
 * what was locked in them.
 */
export const isPartOf = (now: ShardPlace, before: ShardPlace): boolean =>
  now.id === before.id &&
  now.epoch === before.epoch &&
  now.ranges.every(([first, last]) => before.ranges.some(([from, to]) => from <= first && last <= to));

/**
 * The key of a shard's marker, in a slot of the shard. A marker says since when the server remembers what it
 * granted. Slots may come to the server from elsewhere, with their keys or without. So the name contains a
 * digest of the slots and of the epoch: when they change, there is no marker under the new name, and a shard
 * without a marker has no memory.
 */
export function shardMarkerOf(prefix: string, place: ShardPlace): string {
  const { id, epoch, ranges } = place;
  const digest = createHash('sha1')
    .update(JSON.stringify([id, epoch, ranges]))
    .digest('hex')
    .slice(0, 16);
  const hasTag = hashTagOf(`${prefix}{0}`) !== '0';
  for (let tag = 0; ; tag++) {
    // A prefix with a hash tag of its own has all keys in one slot, which the other shards do not serve.
    const key = hasTag
      ? `{${tag}}${prefix}quorlock:${digest}:node`
      : `${prefix}quorlock:{${tag}}:${digest}:node`;
    if (serves(place, slotOf(key))) return key;
  }
}
