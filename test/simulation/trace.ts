import type { Command } from './sim-server.js';

/** The number of words before the operations. */
const HEADER = 8;

/** The names of operations. */
const VERBS = new Set(['a', 'q', 'c', 'e', 'r', 'w', 'i']);

/** The random part of the name of a holder or a waiter. */
const RANDOM = /[0-9a-f]{32}/;

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

  executed(server: string, { name, keys, args }: Command, reply: unknown): void {
    // The words before the operations contain random names.
    const answers = Array.isArray(reply) ? (reply.slice(2).flat() as unknown[]) : [typeof reply];
    this.#mix(this.now());
    this.#mixText(server);
    const argument = String(args[0] ?? '');
    // The holder ids in it are random, but all have the same length.
    this.#mix(argument.length);
    for (const word of answers) this.#mixWord(word);
    if (!this.keep) return;
    const command = name.startsWith('eval')
      ? `${keys.filter((_, i) => i % 2 === 1).join(' ')} ` +
        this.#textOf((JSON.parse(argument) as unknown[]).slice(HEADER))
      : name;
    const left = Array.isArray(reply) ? `${String(reply[1]).split(',')[0]} ms untrusted, ` : '';
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
        if (at < 0) return VERBS.has(text.charAt(0)) ? text.toUpperCase() : text;
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
    else if (typeof word === 'string') this.#mixText(word.replace(RANDOM, ''));
  }

  #mixText(text: string): void {
    for (let at = 0; at < text.length; at++) this.#mix(text.charCodeAt(at));
  }

  #mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ (value * 1_024), 0x01000193);
    this.#hash = Math.imul(this.#hash ^ (value / 2 ** 20), 0x01000193);
  }
}
