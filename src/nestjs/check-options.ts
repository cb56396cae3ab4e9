import { inspect } from 'node:util';

// In all of these `where` is the decorator and its method: every message begins with it.

const LONGEST_SHOWN = 200;
const LARGEST_INTEGER = 2 ** 31 - 1;

/** The login of a url, or what is left of it where `inspect` has cut the text. */
const LOGIN = /:\/\/\S*@|:\/\/[^\s'"`]*(?=['"`]\.\.\. )/g;

/** Shows a value that was not accepted, in one short line, without the user and the password of a url. */
export function show(value: unknown): string {
  const options = { depth: 0, maxStringLength: 80, maxArrayLength: 5, breakLength: Infinity };
  return inspect(value, options).replace(LOGIN, '://***@').slice(0, LONGEST_SHOWN);
}

/**
 * Throws a `TypeError` for an option that does not exist: a misspelt one must not silently mean its default.
 */
export function assertKnown(where: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`${where} takes an object of options, got ${show(options)}`);
  }
  for (const option of Object.keys(options)) {
    if (!known.includes(option)) {
      // A LockManager names its durations with the unit, which is another one in most cases.
      const name = option.replace(/Ms$/, '');
      const inMs = known.includes(`${option}Ms`) ? `: here it is ${option}Ms, in milliseconds` : '';
      const hint = known.includes(name) ? `: here it is ${name}` : inMs;
      throw new TypeError(
        `${where}: unknown option "${option.slice(0, 80)}"${hint}; the options are ${known.join(', ')}`,
      );
    }
  }
}

/** Throws a `RangeError` for a value that is not in the list; `undefined` passes. */
export function assertOneOf(
  where: string,
  option: string,
  value: unknown,
  allowed: readonly unknown[],
): void {
  if (value === undefined || allowed.includes(value)) return;
  throw new RangeError(
    `${where}: ${option} must be one of ${allowed.map(show).join(', ')}, got ${show(value)}`,
  );
}

/** Throws a `TypeError` for anything but `true`, `false` and `undefined`. */
export function assertBoolean(where: string, option: string, value: unknown): void {
  if (value === undefined || typeof value === 'boolean') return;
  throw new TypeError(`${where}: ${option} must be true or false, got ${show(value)}`);
}

/** Throws unless the value is an integer from 0 to 2^31 - 1; `undefined` passes. */
export function assertCount(where: string, option: string, value: unknown): void {
  if (value === undefined) return;
  if (typeof value !== 'number')
    throw new TypeError(`${where}: ${option} must be a number, got ${show(value)}`);
  if (!Number.isInteger(value) || value < 0 || value > LARGEST_INTEGER) {
    throw new RangeError(`${where}: ${option} must be an integer from 0 to ${LARGEST_INTEGER}, got ${value}`);
  }
}

/**
 * Throws a `TypeError` if a compiler calls a decorator by the rules of the ECMAScript standard. It then gives
 * an object with facts about the method as the second argument. Nest itself needs TypeScript's older rules.
 */
export function assertLegacyDecorator(decorator: string, property: unknown): void {
  if (typeof property !== 'object' || property === null || !('kind' in property)) return;
  const name: unknown = (property as { readonly name?: unknown }).name;
  throw new TypeError(
    `${decorator} on ${String(name)}: set "experimentalDecorators": true in the tsconfig.json that the ` +
      'compiler reads. Without it, the compiler calls decorators by the rules of the ECMAScript standard, ' +
      'which Nest does not support. esbuild, tsx, Vite and Vitest read the same option',
  );
}

/**
 * Throws a `TypeError` for a decorator without parentheses. It is then given the method, or the class, where
 * its options are expected, and nothing would be locked. `given` are the arguments of the decorator.
 */
export function assertCalled(decorator: string, given: ArrayLike<unknown>): void {
  const [target, member] = Array.from(given);
  const isMember = typeof member === 'string' || typeof member === 'symbol';
  if (typeof target !== 'function' && !(typeof target === 'object' && target !== null && isMember)) return;
  const owner = typeof target === 'function' ? target.name : target.constructor.name;
  const where = isMember ? `${owner}.${String(member)}` : owner;
  throw new TypeError(`${decorator} on ${where}: write it with parentheses, as ${decorator}(…)`);
}
