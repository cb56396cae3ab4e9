import { inspect } from 'node:util';
import { shortened, withoutLogins } from '../../api/bounded-text.js';

/** The longest delay of a Node timer, and so of every wait, in milliseconds. */
export const LONGEST_MS = 2 ** 31 - 1;

export const SHORTEST_TTL_MS = 10;

/** The keys of a longer TTL could not be counted in whole milliseconds. */
export const LONGEST_TTL_MS = Number.MAX_SAFE_INTEGER;

const LONGEST_SHOWN = 200;

/** A url that was cut before the end of its login, as `inspect` writes it. */
const CUT_URL = /:\/\/[^\s'"`]*(?=['"`]\.\.\. )/g;

/**
 * A bad value as an error shows it: enough to find it by, on one line. Whoever takes a url for another option
 * has put a password there, so no login is shown.
 */
export const shown = (value: unknown): string => {
  const text = inspect(value, { depth: 0, maxStringLength: 80, maxArrayLength: 5, breakLength: Infinity });
  return shortened(withoutLogins(text).replace(CUT_URL, '://***'), LONGEST_SHOWN);
};

/** Throws for an option that is not in the list: a misspelt option must not silently mean its default. */
export function checkKnownOptions(options: object, known: ReadonlySet<string>, where: string): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    // The value is not shown: whoever takes a url for the options has put a password there.
    const isNothing = options === null || options === undefined;
    const given = isNothing ? String(options) : Array.isArray(options) ? 'a list' : `a ${typeof options}`;
    // Other libraries take the TTL alone.
    const isTtl = typeof options === 'number' && known.has('ttlMs');
    const hint = isTtl ? `: a TTL is written { ttlMs: ${String(options)} }` : '';
    throw new TypeError(`${where} takes an object of options, got ${given}${hint}`);
  }
  for (const option in options) {
    if (!known.has(option)) {
      // Decorators name their durations without the unit.
      const inMs = `${option}Ms`;
      const hint = known.has(inMs) ? `: here it is ${inMs}, in milliseconds` : '';
      throw new TypeError(
        `${where}: unknown option "${shortened(option)}"${hint}; the options are ${[...known].join(', ')}`,
      );
    }
  }
}

/** Returns the value. `why` ends the message of the RangeError. */
export function checkInteger(option: string, value: unknown, least: number, most: number, why = ''): number {
  if (typeof value !== 'number') throw new TypeError(`${option} must be a number, got ${shown(value)}`);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${option} must be an integer from ${least} to ${most}, got ${value}${why}`);
  }
  return value;
}

export function checkBoolean(option: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw new TypeError(`${option} must be true or false, got ${shown(value)}`);
  return value;
}

export const checkTtlMs = (ttlMs: unknown): number =>
  checkInteger('ttlMs', ttlMs, SHORTEST_TTL_MS, LONGEST_TTL_MS);

/** The longest name of a lock, in characters. */
export const LONGEST_NAME = 128;

/** Checks a lock's name: what a metric's label and a log line can carry. */
export function checkName(name: unknown): string {
  if (typeof name !== 'string') throw new TypeError(`name must be a string, got ${shown(name)}`);
  if (name.length < 1 || name.length > LONGEST_NAME) {
    throw new RangeError(`name must have 1 to ${LONGEST_NAME} characters, got ${name.length}`);
  }
  return name;
}

/** The names of all options of a type. The compiler demands that none is missing. */
export const optionsOf = <Options>(
  options: Readonly<Record<keyof Options, true>>,
): readonly (keyof Options)[] => Object.keys(options) as (keyof Options)[];
