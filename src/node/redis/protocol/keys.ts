import { MARKER } from '../../reserved-names.js';
import { hashTagOf, slotOf, tagIn } from './key-slot.js';

/**
 * The key of a lock's fencing counter and last tick; what is known of that tick is in the key beside it, with
 * `:run` at its end, and of past runs in those with `:history` and `:success`. All are in the same slot of a
 * Cluster as the lock key.
 * What its first braces hold tells the three forms apart, so two resources never share a counter, whatever
 * braces are in them. No tag can be named after a lock key that has a closing brace and no tag itself: on a
 * shard of a Cluster, a number is the tag that leads to its slot.
 */
export function fenceKeyOf(lock: string, isOnShard = false): string {
  const tag = hashTagOf(lock);
  if (tag !== undefined) return `{${tag}}:${lock}:fence`;
  if (!lock.includes('}')) return `{${lock}}:fence`;
  return `{${isOnShard ? tagIn(slotOf(lock)) : ''}}:${lock}:fence`;
}

/** The key of the list of processes that wait for a lock, in the same slot. */
export const waitListOf = (lock: string, isOnShard = false): string => `${fenceKeyOf(lock, isOnShard)}:wait`;

/** The key of the node's marker. No resource may be called like that (see `resolveResources`). */
export const markerKeyOf = (prefix: string): string => `${prefix}${MARKER}`;

/** How the channels begin on which waiting processes are told that a resource may be free. */
export const channelsOf = (prefix: string): string => `${prefix}quorlock:wake:`;

export const channelOf = (prefix: string, waiter: string): string => channelsOf(prefix) + waiter;
