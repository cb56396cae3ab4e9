import { MARKER } from '../../reserved-names.js';

/** The hash tag of a key, by the rule of the Redis Cluster specification: what stands in the first non-empty braces. */
export function hashTagOf(key: string): string | undefined {
  const open = key.indexOf('{');
  if (open < 0) return undefined;
  const close = key.indexOf('}', open + 1);
  return close > open + 1 ? key.slice(open + 1, close) : undefined;
}

/**
 * Beside a lock key, in the same slot of a Cluster, there are the key of the fencing counter and the tick ledger, and that of
 * the list of those who wait. What its first braces hold tells the three forms apart, so two resources never share a counter,
 * whatever braces are in them. A lock key with a closing brace and no tag shares its slot with no other key that could be
 * named after it.
 */
export function fenceKeyOf(lock: string): string {
  const tag = hashTagOf(lock);
  if (tag !== undefined) return `{${tag}}:${lock}:fence`;
  return lock.includes('}') ? `{}:${lock}:fence` : `{${lock}}:fence`;
}

export const waitListOf = (lock: string): string => `${fenceKeyOf(lock)}:wait`;

/** The key of the node's marker. No resource may be called like that (see `resolveResources`). */
export const markerKeyOf = (prefix: string): string => `${prefix}${MARKER}`;

/** Where a waiter is told that a resource may be free; the script makes the same of the marker's key. */
export const channelOf = (prefix: string, waiter: string): string => `${prefix}quorlock:wake:${waiter}`;
