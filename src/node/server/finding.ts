import { LONGEST_QUARANTINE_MS } from '../../core/quarantine.js';
import { MOST_ATTEMPTS, type RunRecord, type RunState } from '../../core/run.js';

/** What the guard found: with it begins whatever a server answers about votes. */
export interface Finding {
  /** The node's time. */
  readonly nodeUs: number;
  /** For how long the node's grants do not count; -1 without a marker. */
  readonly quarantineLeftMs: number;
  /** After a guard command. */
  readonly identity?: Identity;
  /** After a guard command, if there is a marker: what it says of the node's memory. */
  readonly memory?: MemoryFinding;
}

/** What a node says of itself. */
export interface Identity {
  /** Empty where it has none. */
  readonly id: string;
  /** The record; `undefined` where there is no marker. */
  readonly record: RecordFinding | undefined;
}

/** What a marker says of the node's lists of nodes. */
interface RecordFinding {
  readonly memory: string;
  readonly sequence: number;
  /** Empty: the node has none. */
  readonly text: string;
  readonly inForceInMs: number;
  readonly ageMs: number;
}

/** What a marker says of the node's memory. */
export interface MemoryFinding {
  readonly name: string;
  readonly ageMs: number;
  readonly outMs: number;
  readonly longestMs: number;
  readonly bornUs: number;
  readonly writes: number;
}

/**
 * What a client can tell a node about its memory:
 * - `look`: tells what the marker says, and leaves a missing one missing.
 * - `mark`: writes a missing marker, as every vote does: the node is in quarantine from now on.
 * - `first use`: trusts the node at once, if it has no marker.
 * - `trust`: trusts the node at once, whatever its marker says. Counters of a time when it was not trusted go
 *   on from now.
 * - `lift`: ends the quarantine of the memory that it names, because all that was forgotten is over. Does
 *   nothing where the node has another memory by now.
 * - `quarantine`: its memory begins now.
 * - `identify`: gives the node an id, if it has none, or if it has no record and still has the id that is to
 *   be replaced.
 * - `remove`: removes a marker that no shard of a Cluster has any more.
 */
export type GuardCommand =
  'look' | 'mark' | 'first use' | 'trust' | 'lift' | 'quarantine' | 'identify' | 'remove';

/** A run id of Redis has 40 characters, the name of a database's memory 70, and an instant has 16. */
const LONGEST_NAME = 100;

/** A whole number that can be a time, a counter or a count. */
export const isNatural = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

/** The guard's part of a reply; `undefined` where there is none. */
export function findingIn(reply: unknown): Finding | undefined {
  if (!Array.isArray(reply)) return undefined;
  const [nodeUs, quarantineLeftMs, id, members] = reply as readonly unknown[];
  if (!isNatural(nodeUs) || (!isNatural(quarantineLeftMs) && quarantineLeftMs !== -1)) return undefined;
  if (quarantineLeftMs > LONGEST_QUARANTINE_MS) return undefined;
  if (typeof id !== 'string' || typeof members !== 'string') return { nodeUs, quarantineLeftMs };
  const memory = memoryIn(reply as readonly unknown[]);
  const identity = { id, record: recordIn(reply as readonly unknown[]) };
  return { nodeUs, quarantineLeftMs, identity, ...(memory === undefined ? {} : { memory }) };
}

function recordIn(reply: readonly unknown[]): RecordFinding | undefined {
  const [memory, sequence, text, inForceInMs, ageMs] = reply.slice(10);
  if (typeof memory !== 'string' || memory.length > LONGEST_NAME || typeof text !== 'string')
    return undefined;
  if (!isNatural(sequence) || !isNatural(inForceInMs) || !isNatural(ageMs)) return undefined;
  return { memory, sequence, text, inForceInMs, ageMs };
}

function memoryIn(reply: readonly unknown[]): MemoryFinding | undefined {
  const [, , , , name, ageMs, outMs, longestMs, bornUs, writes] = reply;
  if (typeof name !== 'string' || name.length > LONGEST_NAME) return undefined;
  if (!isNatural(ageMs) || !isNatural(outMs) || !isNatural(bornUs) || !isNatural(writes)) return undefined;
  if (!isNatural(longestMs) || longestMs > LONGEST_QUARANTINE_MS) return undefined;
  return { name, ageMs, outMs, longestMs, bornUs, writes };
}

const isAttempt = (value: unknown): value is number => isNatural(value) && value <= MOST_ATTEMPTS;

const RUN_STATES: readonly unknown[] = ['started', 'finished', 'open'] satisfies RunState[];

/** The record of a tick in these values; `undefined`: they are no such record. */
export function runOf(tick: unknown, attempt: unknown, state: unknown): RunRecord | undefined {
  if (!isNatural(tick) || !isAttempt(attempt) || !RUN_STATES.includes(state)) return undefined;
  return { tick, attempt, state: state as RunState };
}
