import type { Granted } from './vote.js';

/**
 * The fencing token of a won round: the highest counter among the grants that decided it.
 *
 * Alone it repeats. With three nodes and three holders in a row the same number is handed out twice, because the
 * majorities differ and each node counts by itself. So it is a token only once a majority holds exactly that counter:
 * either the deciding grants all report it, or it is confirmed (written back, by the owner of the key, never downwards).
 * Then two tokens share a node; the holders' times on that node do not overlap; the later grant there counts above the
 * earlier token; and the later token is at least that.
 */
export const tokenOf = (decidingGrants: readonly Granted[]): number =>
  decidingGrants.reduce((highest, grant) => Math.max(highest, grant.counter), 0);

/** Whether the deciding grants already agree, so that no second round trip is needed. */
export const agreeOn = (token: number, decidingGrants: readonly Granted[]): boolean =>
  decidingGrants.every((grant) => grant.counter === token);
