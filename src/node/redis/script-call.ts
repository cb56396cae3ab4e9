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

/**
 * A call of the script. It writes itself down as the Redis protocol has it, because most of it is the same for all nodes, and
 * a client that is given a hundred arguments writes each of them down for each node.
 */
export class ScriptCall {
  readonly #marker: string;
  readonly #header: string;
  readonly #joined: Joined;

  /** `header`: the words that come before the operations, as they stand in a JSON list. */
  constructor(marker: string, header: string, operations: readonly Operation[]) {
    this.#marker = marker;
    this.#header = header;
    this.#joined = joined(operations);
  }

  get keys(): string[] {
    return [this.#marker, ...this.#joined.operations.flatMap(({ keys }) => keys)];
  }

  /** The script's one argument. */
  get argument(): string {
    return `[${this.#header}${this.#joined.words}]`;
  }

  /** The whole command. */
  toBytes(command: 'EVALSHA' | 'EVAL', script: string): Buffer {
    const { keyCount, keyWords } = this.#joined;
    const keys = 1 + keyCount;
    const words = `*${keys + 4}\r\n${bulk(command)}${bulk(script)}${bulk(String(keys))}${bulk(this.#marker)}${keyWords}${bulk(this.argument)}`;
    // Names are nearly always ASCII, and that is much quicker.
    return Buffer.byteLength(words) === words.length ? Buffer.from(words, 'latin1') : Buffer.from(words);
  }
}

const bulk = (word: string): string => `$${Buffer.byteLength(word)}\r\n${word}\r\n`;
