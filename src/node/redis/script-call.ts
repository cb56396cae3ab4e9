/** What is put into a call for one request: its keys, and the words of its operation as they stand in a JSON list. */
export interface Operation {
  readonly keys: readonly string[];
  /** The keys as they go over the wire. */
  readonly keyWords: string;
  readonly words: string;
}

export const operationOf = (keys: readonly string[], words: string): Operation => ({
  keys,
  keyWords: keys.map(bulk).join(''),
  words,
});

/** What several operations come to. */
interface Joined {
  readonly operations: readonly Operation[];
  readonly keyCount: number;
  readonly keyWords: string;
  readonly words: string;
}

/** All nodes are asked much the same, one right after the other. */
let lastJoined: Joined | undefined;

function joined(operations: readonly Operation[]): Joined {
  const last = lastJoined;
  if (
    last?.operations.length === operations.length &&
    operations.every((one, at) => one === last.operations[at])
  )
    return last;
  const keyCount = operations.reduce((count, { keys }) => count + keys.length, 0);
  // Flat at once: what is added to piece by piece would be put together when it is written, for every node anew.
  const keyWords = operations.map((one) => one.keyWords).join('');
  lastJoined = { operations, keyCount, keyWords, words: operations.map(({ words }) => `,${words}`).join('') };
  return lastJoined;
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
    return `[${this.#header}${this.#joined.words}]`;
  }

  /** The whole command. */
  toBytes(command: 'EVALSHA' | 'EVAL', script: string): Buffer {
    const { keyCount, keyWords } = this.#joined;
    const { marker, elsewhere } = this.#place;
    const isApart = elsewhere !== undefined;
    const keys = isApart ? keyCount : 1 + keyCount;
    const first = isApart ? '' : bulk(marker);
    const last = isApart ? bulk(marker) + bulk(elsewhere) : '';
    const words = `*${keys + (isApart ? 6 : 4)}\r\n${bulk(command)}${bulk(script)}${bulk(String(keys))}${first}${keyWords}${bulk(this.argument)}${last}`;
    // Names are nearly always ASCII, and that is much quicker.
    return Buffer.byteLength(words) === words.length ? Buffer.from(words, 'latin1') : Buffer.from(words);
  }
}

const bulk = (word: string): string => `$${Buffer.byteLength(word)}\r\n${word}\r\n`;
