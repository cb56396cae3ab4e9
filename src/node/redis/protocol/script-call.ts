import type { Granted } from '../../../core/vote.js';
import { bulk, bulkInstant, bulkNumber } from './bulk.js';
import type { Script } from './script.js';

export type Command = 'EVALSHA' | 'EVAL';
const EVAL = bulk('EVAL');

/**
 * A request, or the inspection of a resource, as a script takes it. Keys, terms and words are bulk strings.
 */
export interface Operation {
  readonly script: Script;
  readonly resources: readonly string[];
  /** The slot of its keys in a Cluster: operations of different slots cannot go in one call. */
  readonly slot: number;
  readonly keys: string;
  readonly keyCount: number;
  /** The words that operations of the same call share. */
  readonly terms: string;
  readonly termCount: number;
  /** The deadline on the client's monotonic clock. */
  readonly deadlineAt: number;
  /** The words that only this operation has. */
  readonly own: string;
  readonly ownCount: number;
  /**
   * Base value: an answer carries `counter - base`, which has fewer digits than the counter.
   */
  readonly base: number;
  /** The last grant that was read from an answer. Most nodes answer alike, so it is used again. */
  granted: Granted | undefined;
}

/** The part of a call that is the node's own, as bulk strings. */
export interface CallHeader {
  /** The marker as the first key; empty on a shard of a Cluster. */
  readonly markerKey: string;
  /** The first word: where the marker is. */
  readonly place: string;
  /** The other words of the guard. */
  readonly guard: string;
}

/** What the guard is told, see lua/guard.ts. */
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

/** How many words `CallHeader.guard` has. */
const GUARD_WORDS = 4;

export function headerOf(guard: Guard): CallHeader {
  const { marker, isApart, quarantineMs, runId, durable, spareId } = guard;
  const words = [String(quarantineMs), runId, durable ? '1' : '', spareId];
  return {
    markerKey: isApart ? '' : bulk(marker),
    place: bulk(isApart ? marker : ''),
    guard: words.map(bulk).join(''),
  };
}

/** A larger command, in characters, is copied as bytes: that costs less than to encode it as text. */
const LARGE = 1_500;

/** The part of a call that is the same for all nodes. */
export class CallContent {
  #begin: { readonly markerKey: string; readonly text: string } | undefined;
  #bytes: { readonly keys: Buffer; readonly words: Buffer } | undefined;

  constructor(
    readonly script: Script,
    readonly operations: readonly Operation[],
    /** The places of the operations among those that were sent together. */
    readonly places: readonly number[],
    readonly deadlineAt: number,
    private readonly keys: string,
    private readonly keyCount: number,
    private readonly words: string,
    private readonly wordCount: number,
  ) {}

  get isLarge(): boolean {
    return this.keys.length + this.words.length > LARGE;
  }

  /** The whole command as text. `between` is the node's own part, between the keys and the words. */
  textFor(command: Command, markerKey: string, between: string): string {
    return this.#beginOf(command, markerKey) + this.keys + between + this.words;
  }

  bytesFor(command: Command, markerKey: string, between: string): Buffer {
    const { keys, words } = (this.#bytes ??= {
      keys: Buffer.from(this.keys),
      words: Buffer.from(this.words),
    });
    const begin = this.#beginOf(command, markerKey);
    const size = Buffer.byteLength(begin) + keys.length + Buffer.byteLength(between) + words.length;
    const bytes = Buffer.allocUnsafe(size);
    let at = bytes.write(begin);
    at += keys.copy(bytes, at);
    at += bytes.write(between, at);
    words.copy(bytes, at);
    return bytes;
  }

  /** The beginning, up to the marker. Nodes with the same prefix have the same one. */
  #beginOf(command: Command, markerKey: string): string {
    if (command === 'EVALSHA' && this.#begin?.markerKey === markerKey) return this.#begin.text;
    const { script } = this;
    const keyCount = markerKey === '' ? this.keyCount : this.keyCount + 1;
    const guardWords = script.hasGuard ? GUARD_WORDS : 0;
    const wordCount = 1 + guardWords + (script.hasDeadline ? 1 : 0) + this.wordCount;
    const named = command === 'EVALSHA' ? script.named : EVAL + bulk(script.text);
    const text = `*${3 + keyCount + wordCount}\r\n${named}${bulkNumber(keyCount)}${markerKey}`;
    if (command === 'EVALSHA') this.#begin = { markerKey, text };
    return text;
  }
}

/**
 * A call of a script on one node. It encodes itself in the Redis protocol, because a client library would
 * encode each of a hundred arguments again for each node.
 */
export class ScriptCall {
  constructor(
    private readonly header: CallHeader,
    /** The deadline in the node's time. A script without a deadline does not get it. */
    private readonly deadlineUs: number,
    readonly content: CallContent,
  ) {}

  /** The whole command. EVAL sends the text of the script, and the server keeps it. */
  encode(command: Command): Buffer | string {
    const { markerKey, place, guard } = this.header;
    const { content } = this;
    const { hasGuard, hasDeadline } = content.script;
    let between = hasGuard ? place + guard : place;
    if (hasDeadline) between += bulkInstant(this.deadlineUs);
    return content.isLarge
      ? content.bytesFor(command, markerKey, between)
      : content.textFor(command, markerKey, between);
  }
}
