import { driftMsOf } from './validity.js';

/**
 * A node that lost its memory has forgotten who holds what, and could help a second holder to a majority. So
 * its grants do not count until everything that it may have forgotten has expired: for one `maxTtlMs`. The
 * Redlock specification calls this delayed restarts, see its section "Performance, crash recovery and fsync".
 * The same goes for a node whose clock was stepped, because it expires keys too early.
 */
const FEWEST_NODES_WITH_QUARANTINE = 3;

/**
 * How long a node has no vote at most after it lost its memory, in milliseconds; 0 means that there is no
 * quarantine. `auto` is off with fewer than three nodes, because one node without a vote would make every
 * lock unavailable.
 */
export function quarantineMsOf(option: 'auto' | 'off' | number, nodeCount: number, maxTtlMs: number): number {
  if (option === 'off') return 0;
  if (option === 'auto') return nodeCount < FEWEST_NODES_WITH_QUARANTINE ? 0 : maxTtlMs;
  return option;
}

/**
 * A node that lost its memory is asked nothing before its memory is this old, in milliseconds; W in
 * docs/safety.md. It is longer than any request is on its way (`LONGEST_NODE_TIMEOUT_MS`), so what was asked
 * before the loss has arrived everywhere. It is also longer than what two seeds of a counter can differ by:
 * three seconds.
 */
export const ASK_OTHERS_AFTER_MS = 5_000;

/** The longest `nodeTimeoutMs`: a request that is older is not carried out. */
export const LONGEST_NODE_TIMEOUT_MS = 2_000;

/** No quarantine is longer: the longest delay of a timer, in milliseconds. */
export const LONGEST_QUARANTINE_MS = 2 ** 31 - 1;

/** What a look at a node told of its memory. */
export interface MemoryReport {
  /** Names the memory. It has another name after each loss. */
  readonly memory: string;
  /** How old the memory is by the node's own clock, in milliseconds. */
  readonly ageMs: number;
  /** How long its quarantine lasts unless it is lifted, in milliseconds; 0: its grants count. */
  readonly leftMs: number;
  /** Whether the node's grants count, by its own word in this look and by what this client has seen of it. */
  readonly isTrusted: boolean;
  /**
   * For how many milliseconds from the look a key may still live that the node set or prolonged in this
   * memory. `undefined`: it cannot tell, because not all who write there say so.
   */
  readonly outMs: number | undefined;
}

/** What another node told, and when its reply was there, on the caller's monotonic clock. */
export interface Witness extends MemoryReport {
  readonly receivedAt: number;
}

/**
 * Whether the others may be asked yet: requests that left before the loss have arrived there, or never will.
 */
export const mayAskOthers = ({ ageMs }: MemoryReport): boolean => ageMs >= ASK_OTHERS_AFTER_MS;

/**
 * When everything is over for which a node voted before it lost its memory, on the caller's monotonic clock;
 * `undefined` where too few others can tell. They must have been asked after `mayAskOthers`.
 *
 * Suppose a lease counts the vote that the node gave before its loss. A majority of the others is needed, so
 * one of them voted for that lease, too. All requests of a round leave at once, so this vote came before the
 * others were asked. If that node kept its memory, what it tells covers the lease. If it lost its memory in
 * between, it was trusted again before it was asked, and by the same rule everything was over that it had
 * voted for.
 */
export function overAt(
  others: readonly Witness[],
  majority: number,
  driftFactor: number,
): number | undefined {
  const ends = others.flatMap(({ isTrusted, outMs, receivedAt }) =>
    isTrusted && outMs !== undefined ? [receivedAt + outMs + driftMsOf(outMs, driftFactor)] : [],
  );
  // Any majority will do, so the one that is over first is taken.
  return ends.sort((a, b) => a - b)[majority - 1];
}

/** How far a memory has come: what a node tells of it at a look. */
export interface MemoryProgress {
  readonly serverId: string | undefined;
  /** When its marker was first written, by the node's clock, in microseconds. */
  readonly bornUs: number;
  /** How often the marker has been written. */
  readonly writes: number;
}

/**
 * Whether a node has put an earlier memory back, as by SWAPDB, by DEBUG RELOAD or from the snapshot of a
 * virtual machine. Its run id is the same then, but its marker was first written earlier than the client has
 * seen, or it was written less often.
 */
export const isPutBack = (seen: MemoryProgress, now: MemoryProgress): boolean =>
  seen.serverId !== undefined &&
  seen.serverId === now.serverId &&
  (now.bornUs < seen.bornUs || (now.bornUs === seen.bornUs && now.writes < seen.writes));

/**
 * How long a quarantine lasts where the others cannot be asked, in milliseconds: the longest that this client
 * or a marker asks for. A lease with a longer TTL makes it longer. 0: there is no quarantine.
 */
export class QuarantineTerm {
  #ms: number;

  constructor(ms: number) {
    this.#ms = ms;
  }

  get ms(): number {
    return this.#ms;
  }

  raise(ms: number): void {
    const bounded = Math.min(ms, LONGEST_QUARANTINE_MS);
    if (this.#ms > 0 && bounded > this.#ms) this.#ms = bounded;
  }
}
