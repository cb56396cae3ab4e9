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
export function quarantineMsOf(option: 'auto' | 'off' | number, members: number, maxTtlMs: number): number {
  if (option === 'off') return 0;
  if (option === 'auto') return members < MEMBERS_NEEDED_FOR_TRUST ? 0 : maxTtlMs;
  return option;
}

/** A client without history cannot see a step; it sees that a node's clock stands apart from the others by more than this. */
const APART_MS = 1_000;

/**
 * Which of the nodes' clocks stand apart from their median. `offsets` are the nodes' times against one clock, `undefined`
 * where not known; with fewer than three known there is no telling which is wrong.
 */
export function apartFromMedian(offsets: readonly (number | undefined)[]): number[] {
  const known = offsets.filter((offset) => offset !== undefined).sort((a, b) => a - b);
  if (known.length < 3) return [];
  const lower = known[Math.floor((known.length - 1) / 2)]!;
  const upper = known[Math.ceil((known.length - 1) / 2)]!;
  return offsets.flatMap((offset, member) =>
    offset !== undefined && (offset < lower - APART_MS || offset > upper + APART_MS) ? [member] : [],
  );
}
