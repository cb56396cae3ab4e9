import type { Granted } from '../../../core/vote.js';
import { GUARD_WORDS } from './lua/guard.js';
import type { Script } from './script.js';

/** A word as it goes over the wire: a bulk string of the Redis protocol. */
export const bulk = (word: string): string => `$${Buffer.byteLength(word)}\r\n${word}\r\n`;

const EVALSHA = bulk('EVALSHA');
const EVAL = bulk('EVAL');

/** A request, or the inspection of a resource, as a script takes it. Keys, terms and words are bulk strings. */
export interface Operation {
  readonly script: Script;
  readonly resources: readonly string[];
  /** The slot of its keys in a Cluster: operations of different slots cannot go in one call. */
  readonly slot: number;
  readonly keys: string;
  readonly keyCount: number;
  /** What it may have in common with others, which a call says once. */
  readonly terms: string;
  readonly termCount: number;
  /** Until when it may be carried out, on the client's monotonic clock. */
  readonly deadlineAt: number;
  /** What it has of its own. */
  readonly own: string;
  readonly ownCount: number;
  /** The number that it names. An answer tells a counter as its distance from this, which has fewer digits. */
  readonly base: number;
  /** The last grant that was read of an answer to it: most nodes say the same. */
  granted: Granted | undefined;
}

/** What goes into one call of a script, the same for every node. */
export interface CallContent {
  readonly script: Script;
  readonly operations: readonly Operation[];
  /** Their places among those that were sent together. */
  readonly places: readonly number[];
  readonly deadlineAt: number;
  readonly keys: Buffer;
  readonly keyCount: number;
  readonly words: Buffer;
  readonly wordCount: number;
}

/** What a call says to one node, as bulk strings. */
export interface CallHeader {
  /** The marker as the first key; empty on a shard of a Cluster, where it is a word of the guard. */
  readonly markerKey: string;
  readonly guard: string;
}

/** What the guard of every script has to know; see there. */
export interface Guard {
  readonly marker: string;
  /** On a shard of a Cluster the marker is in another slot than the keys. */
  readonly isApart: boolean;
  readonly quarantineMs: number;
  /** Empty where it is unknown. */
  readonly runId: string;
  readonly durable: boolean;
  /** For a marker that has none. */
  readonly spareId: string;
}

export function headerOf(guard: Guard): CallHeader {
  const { marker, isApart, quarantineMs, runId, durable, spareId } = guard;
  const words = [isApart ? marker : '', String(quarantineMs), runId, durable ? '1' : '', spareId];
  return { markerKey: isApart ? '' : bulk(marker), guard: words.map(bulk).join('') };
}

/**
 * A call of a script on one node. It writes itself down as the Redis protocol has it: what is the same for all nodes is copied
 * from where it was written once. A client that is given a hundred arguments writes each of them for each node.
 */
export class ScriptCall {
  constructor(
    private readonly header: CallHeader,
    /** Until when it may act, in the node's time; of no account where the script has no deadline. */
    private readonly deadlineUs: number,
    readonly content: CallContent,
  ) {}

  /** The whole command. EVAL sends the script itself, and the server keeps it. */
  toBytes(command: 'EVALSHA' | 'EVAL'): Buffer {
    const { script, keys, keyCount, words, wordCount } = this.content;
    const { markerKey, guard } = this.header;
    const { hasDeadline } = script;
    const allKeys = markerKey === '' ? keyCount : keyCount + 1;
    const wordsAfter = GUARD_WORDS + wordCount + (hasDeadline ? 1 : 0);
    const begin = command === 'EVALSHA' ? EVALSHA + bulk(script.sha) : EVAL + bulk(script.text);
    const before = `*${3 + allKeys + wordsAfter}\r\n${begin}${bulk(String(allKeys))}${markerKey}`;
    const between = hasDeadline ? `${guard}${bulk(String(this.deadlineUs))}` : guard;
    const size = Buffer.byteLength(before) + keys.length + Buffer.byteLength(between) + words.length;
    const bytes = Buffer.allocUnsafe(size);
    let at = bytes.write(before);
    at += keys.copy(bytes, at);
    at += bytes.write(between, at);
    words.copy(bytes, at);
    return bytes;
  }
}
