import { LONGEST_QUARANTINE_MS } from '../../../core/quarantine.js';

/**
 * For how long the key of a row lives, in µs. If the clock was set back since, its life begins anew. A
 * row that somebody has written by hand may hold any number, and none makes the statement fail.
 */
export const leftUs = (now: string): string => `(greatest(expires, 0) - greatest(${now}, set_at))`;

/** A key counts for so long at most, in ms: no quarantine is longer. */
export const LONGEST_OUT_MS = LONGEST_QUARANTINE_MS;

/**
 * For how many ms a key may still live that was set or prolonged here. A key that its owner released is over
 * at once: the owner used it no more.
 */
export const outMs = (q: string, now: string): string =>
  `least(${LONGEST_OUT_MS}, greatest(0, coalesce((select ceil(max(${leftUs(now)}) / 1000.0) from ${q}.lease
    where prefix = in_prefix and holder is not null), 0)))::bigint`;
