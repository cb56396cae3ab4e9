import { MARKER } from '../../reserved-names.js';

/**
 * The hash tag of a key, by the Redis Cluster specification: what stands in the first braces that are not
 * empty.
 */
export function hashTagOf(key: string): string | undefined {
  const open = key.indexOf('{');
  if (open < 0) return undefined;
  const close = key.indexOf('}', open + 1);
  return close > open + 1 ? key.slice(open + 1, close) : undefined;
}

/**
 * The key of a lock's fencing counter and last tick; what is known of that tick is in the key beside it, with
 * `:run` at its end, and of past runs in those with `:history` and `:success`. All are in the same slot of a
 * Cluster as the lock key.
 * What its first braces hold tells the three forms apart, so two resources never share a counter, whatever
 * braces are in them. A lock key with a closing brace and no tag shares its slot with no other key that could
 * be named after it.
 */
export function fenceKeyOf(lock: string): string {
  const tag = hashTagOf(lock);
  if (tag !== undefined) return `{${tag}}:${lock}:fence`;
  return lock.includes('}') ? `{}:${lock}:fence` : `{${lock}}:fence`;
}

/** The key of the list of processes that wait for a lock, in the same slot. */
export const waitListOf = (lock: string): string => `${fenceKeyOf(lock)}:wait`;

/** The key of the node's marker. No resource may be called like that (see `resolveResources`). */
export const markerKeyOf = (prefix: string): string => `${prefix}${MARKER}`;

/** How the channels begin on which waiting processes are told that a resource may be free. */
export const channelsOf = (prefix: string): string => `${prefix}quorlock:wake:`;

export const channelOf = (prefix: string, waiter: string): string => channelsOf(prefix) + waiter;
