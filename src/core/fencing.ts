import { APART_MS } from './clock-offset.js';
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

/**
 * A node limits the seed of a new counter to its own time plus or minus this, in milliseconds. Seeds that two
 * nodes take at the same instant differ by three seconds at most, because their clocks are at most a second
 * apart (`APART_MS`).
 */
export const SEED_MARGIN_MS = 1_000;

/**
 * How far above a node's time a counter can be, in milliseconds. A counter starts at the time of a node, and
 * counts more slowly than time. So one that is further ahead was not made by counting: somebody wrote it, or
 * the node's clock was set back. It would spread to all nodes, and use up the numbers below 2^53 for good.
 */
export const COUNTER_AHEAD_MS = SEED_MARGIN_MS + APART_MS;

/** Whether counting can have led to this counter by now, which is a node's time in milliseconds. */
export const isPossibleCounter = (counter: number, nodeMs: number): boolean =>
  counter <= (nodeMs + COUNTER_AHEAD_MS) * 1_000;

/**
 * The highest counter that a majority of the nodes can take, by their clocks. A node whose clock is ahead
 * counts ahead of the others: a token made of its counter is refused by all of them. `nodesMs` are the nodes'
 * times, known to within `APART_MS`; `undefined`: unknown, so that it may take any.
 */
export function highestCounterFor(nodesMs: readonly (number | undefined)[], majority: number): number {
  const fastestFirst = nodesMs.map((ms) => ms ?? Number.POSITIVE_INFINITY).sort((a, b) => b - a);
  return (fastestFirst[majority - 1]! + COUNTER_AHEAD_MS + APART_MS) * 1_000;
}

/**
 * How long a node keeps a counter that is not used, in milliseconds, unless the manager says otherwise. It
 * has to outlive the holders who may still come back with a lower token: a machine that was suspended, and
 * whose clocks stood still meanwhile. One from yesterday is not there any more.
 */
export const FENCE_TTL_MS = 24 * 3_600_000;

/**
 * The least. A counter that is gone starts again from the node's time, less the margin of seeds, and must
 * come back above what it was, which was ahead of the node's time by `COUNTER_AHEAD_MS` at most. Three
 * seconds are enough for that; eight, if it was counted up a quarter as fast as time, and an old holder's
 * extension puts its own token into the place of what is gone. The rest is for clocks that are set back.
 */
export const SHORTEST_FENCE_TTL_MS = 60_000;

/**
 * The most, and how long the ledger of ticks is kept: more than the clocks of workers differ by. A counter
 * with a tick on record lives as long.
 */
export const LEDGER_TTL_MS = 7 * 24 * 3_600_000;

/**
 * Up to which age a counter is believed, as a part of its key's life: whoever counts on leaves the key as
 * much of its life at least.
 */
export const BELIEVED_PART = 0.5;

/** The complaint about a counter that counting cannot have led to; `where` names its key. */
export const impossibleCounter = (where: string): string =>
  `the fencing counter ${where} is further ahead than time allows: ` +
  'was it set by hand, or the clock set back?';
