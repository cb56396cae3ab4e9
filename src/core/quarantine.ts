/**
 * A node that lost its memory forgets who holds what, and would help a second holder to a majority. So its grants do not
 * count until everything it may have forgotten has expired: for one longest TTL (see "Performance, crash recovery and
 * fsync" in the Redlock specification, which calls it delayed restarts). The same goes for a node whose clock was
 * stepped, because it expires keys early.
 */
const MEMBERS_NEEDED_FOR_TRUST = 3;

/**
 * How long a node is kept out of votes after it lost its memory, in milliseconds. With fewer than three members one node
 * out would cost all availability, so `auto` is off there.
 */
export function quarantineMsOf(option: 'auto' | 'off' | number, nodeCount: number, maxTtlMs: number): number {
  if (option === 'off') return 0;
  if (option === 'auto') return nodeCount < MEMBERS_NEEDED_FOR_TRUST ? 0 : maxTtlMs;
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
