/**
 * A node that lost its memory has forgotten who holds what, and could help a second holder to a majority. So
 * its grants do not count until everything that it may have forgotten has expired: for one `maxTtlMs`. The
 * Redlock specification calls this delayed restarts, see its section "Performance, crash recovery and fsync".
 * The same goes for a node whose clock was stepped, because it expires keys too early.
 */
const FEWEST_NODES_WITH_QUARANTINE = 3;

/**
 * How long a node has no vote after it lost its memory, in milliseconds; 0 means that there is no quarantine.
 * `auto` is off with fewer than three nodes, because one node without a vote would make every lock
 * unavailable.
 */
export function quarantineMsOf(option: 'auto' | 'off' | number, nodeCount: number, maxTtlMs: number): number {
  if (option === 'off') return 0;
  if (option === 'auto') return nodeCount < FEWEST_NODES_WITH_QUARANTINE ? 0 : maxTtlMs;
  return option;
}

/** Clocks that are further apart than this do not agree; NTP keeps those of healthy servers within a tenth of it. */
export const APART_MS = 1_000;

/**
 * Which of the nodes' clocks agree with a majority of the members, themselves included. A client without history cannot see
 * that a clock was stepped: it sees that it stands apart. Less than a majority proves nothing: of two clocks that differ
 * either may be the wrong one. `offsets` are the nodes' times against one clock, `undefined` where not known.
 */
export const agreeingWithMajority = (offsets: readonly (number | undefined)[], majority: number): number[] =>
  offsets.flatMap((offset, nodeIndex) => {
    if (offset === undefined) return [];
    const near = offsets.filter((other) => other !== undefined && Math.abs(other - offset) <= APART_MS);
    return near.length >= majority ? [nodeIndex] : [];
  });

/** By how much our own clocks may move apart between two exchanges before what is known of the nodes' is forgotten. */
export const OWN_JUMP_MS = 100;
