import type { Granted } from './vote.js';

/**
 * The fencing token of a won round: the highest counter among its deciding grants.
 *
 * By itself this number is not unique. Each node counts alone and majorities differ, so with three nodes
 * three holders in a row can get the same number twice. It is a token only when a majority has exactly this
 * counter. Either all deciding grants report it, or it is confirmed: the key's owner writes it back, and
 * never lowers a counter. Then any two tokens share a node. On that node the holders' times do not overlap,
 * so the later grant's counter is above the earlier token, and the later token is at least that counter.
 */
export const tokenOf = (decidingGrants: readonly Granted[]): number =>
  decidingGrants.reduce((highest, grant) => Math.max(highest, grant.counter), 0);

/**
 * Whether all deciding grants report this token already: then no confirmation, a second round trip, is
 * needed.
 */
export const agreeOn = (token: number, decidingGrants: readonly Granted[]): boolean =>
  decidingGrants.every((grant) => grant.counter === token);
