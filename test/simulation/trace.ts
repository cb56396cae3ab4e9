import type { Command } from './sim-server.js';

/** The number of words that a call tells the guard. */
const GUARD = 5;

/** The random part of the name of a holder or a waiter. */
const RANDOM = /[0-9a-f]{32}/;
const RANDOM_LENGTH = 32;

/**
 * A record of all events. It shows why a seed failed, and its hash shows that a seed always gives the same
 * run. Holder ids are random, so they are replaced by numbers in the order of their first appearance.
 */
export class Trace {
  readonly lines: string[] = [];
  readonly #holders = new Map<string, number>();
  #hash = 0x811c9dc5;

  constructor(
    private readonly now: () => number,
    private readonly keep: boolean,
  ) {}

  /** Equal for two runs with the same events at the same instants. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }

  executed(server: string, { name, verb, keys, args }: Command, reply: unknown): void {
    // The guard alone answers with random names.
    const answers = Array.isArray(reply) && verb !== 'guard' ? wordsOf(reply) : [typeof reply];
    this.#mix(this.now());
    this.#mixText(server);
    this.#mixText(verb ?? name);
    // The holder ids are random, but all have the same length.
    for (const word of args) this.#mix(word.length);
    for (const word of answers) this.#mixWord(word);
    if (!this.keep) return;
    const command = name.startsWith('eval')
      ? `${verb?.toUpperCase()} ${keys.filter((_, i) => i % 2 === 1).join(' ')} ` +
        this.#textOf(args.slice(GUARD))
      : name;
    const left = Array.isArray(reply) ? `${String(reply[1])} ms untrusted, ` : '';
    this.#add(`${server} ${command} -> ${left}${this.#textOf(answers)}`);
  }

  note(what: () => string): void {
    this.#mix(this.now());
    if (this.keep) this.#add(what());
  }

  #textOf(words: readonly unknown[]): string {
    return words
      .map((word) => {
        const text = String(word);
        const at = text.indexOf('@');
        if (at < 0) return text;
        const holder = this.#holders.get(text) ?? this.#holders.size;
        this.#holders.set(text, holder);
        return `#${holder}${text.slice(at)}`;
      })
      .join(' ');
  }

  #add(text: string): void {
    this.lines.push(`${this.now().toFixed(3).padStart(10)} ${text}`);
  }

  #mixWord(word: unknown): void {
    if (typeof word === 'number') this.#mix(word);
    else if (typeof word === 'string')
      this.#mixText(word.length < RANDOM_LENGTH ? word : word.replace(RANDOM, ''));
  }

  #mixText(text: string): void {
    for (let at = 0; at < text.length; at++) this.#mix(text.charCodeAt(at));
  }

  #mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ (value * 1_024), 0x01000193);
    this.#hash = Math.imul(this.#hash ^ (value / 2 ** 20), 0x01000193);
  }
}

/** The words of the answers that come after the node's time and its quarantine. */
function wordsOf(reply: readonly unknown[]): unknown[] {
  const words: unknown[] = [];
  for (let at = 2; at < reply.length; at++) {
    const answer = reply[at];
    if (Array.isArray(answer)) for (const word of answer as unknown[]) words.push(word);
    else words.push(answer);
  }
  return words;
}
