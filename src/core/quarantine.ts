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
