import type { Granted } from '../../../core/vote.js';

/** What is put into a call for one request. The words are those of a JSON list. */
export interface Operation {
  readonly keys: readonly string[];
  /** The verb, and what it may have in common with other operations. */
  readonly terms: string;
  /** What it has of its own. */
  readonly own: string;
  /** What it names above which its reply tells a counter; see `SCRIPT`. */
  readonly from: number;
  /** The last grant that was read of a reply to it: most nodes say the same. */
  granted: Granted | undefined;
}

/** What several operations come to, as it goes over the wire to every node. */
interface Joined {
  readonly operations: readonly Operation[];
  readonly keyCount: number;
  readonly keys: Buffer;
  readonly words: Buffer;
}

/** All nodes are asked much the same, one right after the other. */
let lastJoined: Joined | undefined;

function joined(operations: readonly Operation[]): Joined {
  if (lastJoined !== undefined && areSame(lastJoined.operations, operations)) return lastJoined;
  let keyCount = 0;
  let keys = '';
  for (const one of operations) {
    keyCount += one.keys.length;
    for (const key of one.keys) keys += bulk(key);
  }
  lastJoined = { operations, keyCount, keys: Buffer.from(keys), words: Buffer.from(inRuns(operations)) };
  return lastJoined;
}

/** Operations that follow each other and have the same terms are written down with these once. */
function inRuns(operations: readonly Operation[]): string {
  let words = '';
  for (let first = 0; first < operations.length;) {
    const { terms } = operations[first]!;
    let owns = '';
    let next = first;
    for (; next < operations.length && operations[next]!.terms === terms; next++) {
      const { own } = operations[next]!;
      if (own !== '') owns += `,${own}`;
    }
    words += `,${terms},${next - first}${owns}`;
    first = next;
  }
  return words;
}

function areSame(some: readonly Operation[], others: readonly Operation[]): boolean {
  if (some.length !== others.length) return false;
  for (let at = 0; at < some.length; at++) if (some[at] !== others[at]) return false;
  return true;
}

/** Where the node's marker is. */
export interface MarkerPlace {
  readonly marker: string;
  /** On a shard of a Cluster it is in no slot of the keys, and is passed apart from them, with the key that it would have elsewhere. */
  readonly elsewhere?: string;
}

/**
 * A call of the script. It writes itself down as the Redis protocol has it, because most of it is the same for all nodes, and
 * a client that is given a hundred arguments writes each of them down for each node.
 */
export class ScriptCall {
  readonly #place: MarkerPlace;
  readonly #header: string;
  readonly #joined: Joined;

  /** `header`: the words that come before the operations, as they stand in a JSON list. */
  constructor(place: MarkerPlace, header: string, operations: readonly Operation[]) {
    this.#place = place;
    this.#header = header;
    this.#joined = joined(operations);
  }

  get keys(): string[] {
    const keys = this.#joined.operations.flatMap((one) => one.keys);
    return this.#place.elsewhere === undefined ? [this.#place.marker, ...keys] : keys;
  }

  /** The script's one argument, but for a shard's marker. */
  get argument(): string {
    return `[${this.#header}${this.#joined.words.toString()}]`;
  }

  /** The whole command, `command` being its first two words. What it says to every node is copied from where it was written down once. */
  toBytes(command: string): Buffer {
    const { keyCount, keys, words } = this.#joined;
    const { marker, elsewhere } = this.#place;
    const isApart = elsewhere !== undefined;
    const count = isApart ? keyCount : 1 + keyCount;
    const number = String(count);
    const argumentLength = Buffer.byteLength(this.#header) + words.length + 2;
    const before = `*${count + (isApart ? 6 : 4)}\r\n${command}$${number.length}\r\n${number}\r\n${isApart ? '' : bulk(marker)}`;
    const between = `$${argumentLength}\r\n[${this.#header}`;
    const after = isApart ? `]\r\n${bulk(marker)}${bulk(elsewhere)}` : ']\r\n';
    const size = Buffer.byteLength(before + between + after) + keys.length + words.length;
    const bytes = Buffer.allocUnsafe(size);
    let at = bytes.write(before);
    at += keys.copy(bytes, at);
    at += bytes.write(between, at);
    at += words.copy(bytes, at);
    bytes.write(after, at);
    return bytes;
  }
}

/** A word as it goes over the wire. */
export const bulk = (word: string): string => `$${Buffer.byteLength(word)}\r\n${word}\r\n`;
