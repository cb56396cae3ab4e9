import { inspect } from 'node:util';
import type { AcquireOptions } from '../index.js';

/** A duration: a number in the unit that the option names, or a string such as `'500ms'`, `'30s'`, `'5m'`, `'1h'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h'}`;

/** How a decorated method or handler is locked. */
export interface LockSettings {
  /**
   * Time to live in seconds, or a string such as `'5m'`: how long the lock stays taken when its holder dies. While the
   * method runs the lock is extended, so a short one is right for a long job too.
   * @default 60, or the `ttlMs` of the module's options
   */
  readonly ttl?: Duration;
  /**
   * How often to try again when the lock is held.
   * @default 0
   */
  readonly retries?: number;
  /**
   * Pause between attempts in milliseconds, jittered by half in both directions.
   * @default 100
   */
  readonly retryDelay?: number;
  /**
   * For how many milliseconds `onHeld: 'wait'` waits.
   * @default the ttl
   */
  readonly waitMs?: number;
  /**
   * The lock stays taken at least this long, in seconds or as a string, although the method ends earlier. At most `ttl`.
   * @default 0
   */
  readonly minHold?: Duration;
  /**
   * The lease is lost after this long in all, in seconds or as a string, extended or not. At least `ttl`.
   * @default none
   */
  readonly maxHold?: Duration;
  /**
   * Whether the lock is extended while the method runs.
   * @default true
   */
  readonly autoExtend?: boolean;
}

export const SETTINGS = [
  'ttl',
  'retries',
  'retryDelay',
  'waitMs',
  'minHold',
  'maxHold',
  'autoExtend',
] as const;

/** What to do when somebody else has the lock. */
export type OnHeld = 'skip' | 'throw' | 'wait';

/** The guide's default, in milliseconds. */
export const DEFAULT_TTL_MS = 60_000;

const SHORTEST_TTL_MS = 10;
/** The longest delay of a Node timer. */
const LONGEST_MS = 2 ** 31 - 1;
const LONGEST_KEY_BYTES = 512;
const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** The part of `AcquireOptions` that settings decide. */
export type NormalizedOptions = Pick<
  AcquireOptions,
  'ttlMs' | 'retries' | 'retryDelayMs' | 'waitMs' | 'minHoldMs' | 'maxHoldMs' | 'autoExtend'
>;

let longestTtlMs = 0;

/**
 * The longest ttl that any decorator has asked for so far, in milliseconds. Decorators run when their file is imported, so
 * before a module's factory does: its `maxTtlMs` follows this.
 */
export function longestDecoratedTtlMs(): number {
  return longestTtlMs;
}

/** Checks the settings of one decorator and turns them into milliseconds. `where` is the decorator, for the errors. */
export function normalizeOptions(
  where: string,
  settings: LockSettings,
  onHeld: OnHeld | undefined,
): NormalizedOptions {
  const ttlMs = durationMs(where, 'ttl', settings.ttl, SHORTEST_TTL_MS);
  const retries = integer(where, 'retries', settings.retries, 0);
  const retryDelayMs = integer(where, 'retryDelay', settings.retryDelay, 1);
  const waitMs = integer(where, 'waitMs', settings.waitMs, 1);
  const minHoldMs = durationMs(where, 'minHold', settings.minHold, 0);
  const maxHoldMs = durationMs(where, 'maxHold', settings.maxHold, 1);
  const { autoExtend } = settings;
  if (autoExtend !== undefined && typeof autoExtend !== 'boolean') {
    throw new TypeError(`${where}: autoExtend must be true or false, got ${shown(autoExtend)}`);
  }
  if (waitMs !== undefined && onHeld !== 'wait') {
    throw new RangeError(`${where}: waitMs (${waitMs}) needs onHeld: 'wait'`);
  }
  if (onHeld === 'wait' && (retries ?? 0) > 0) {
    throw new RangeError(`${where}: retries (${retries}) and onHeld: 'wait' exclude each other`);
  }
  const normalizedOptions = { ttlMs, retries, retryDelayMs, waitMs, minHoldMs, maxHoldMs, autoExtend };
  assertHoldsFit(where, normalizedOptions, ttlMs ?? DEFAULT_TTL_MS);
  longestTtlMs = Math.max(longestTtlMs, ttlMs ?? 0);
  return Object.fromEntries(Object.entries(normalizedOptions).filter(([, value]) => value !== undefined));
}

/** Looked at twice: by the decorator, and by the module, whose options may bring another ttl. */
export function assertHoldsFit(
  where: string,
  { minHoldMs, maxHoldMs }: { minHoldMs?: number | undefined; maxHoldMs?: number | undefined },
  ttlMs: number,
): void {
  if (minHoldMs !== undefined && minHoldMs > ttlMs) {
    throw new RangeError(
      `${where}: minHold (${minHoldMs / 1_000} s) must not be above ttl (${ttlMs / 1_000} s)`,
    );
  }
  if (maxHoldMs !== undefined && maxHoldMs < ttlMs) {
    throw new RangeError(
      `${where}: maxHold (${maxHoldMs / 1_000} s) must not be below ttl (${ttlMs / 1_000} s)`,
    );
  }
}

/** Refuses what is not an option at all: a misspelt option must not silently mean its default. */
export function assertKnown(where: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`${where} takes an object of options, got ${shown(options)}`);
  }
  for (const option of Object.keys(options)) {
    if (!known.includes(option)) {
      throw new TypeError(`${where}: unknown option "${option}"; the options are ${known.join(', ')}`);
    }
  }
}

export function assertOneOf(
  where: string,
  option: string,
  value: unknown,
  allowed: readonly unknown[],
): void {
  if (value !== undefined && !allowed.includes(value)) {
    throw new RangeError(
      `${where}: ${option} must be one of ${allowed.map(shown).join(', ')}, got ${shown(value)}`,
    );
  }
}

/** Checks a key that is known already; what a key function returns is checked when it is used. */
export function assertKey(where: string, key: unknown): void {
  if (key === undefined || typeof key === 'function') return;
  if (typeof key !== 'string')
    throw new TypeError(`${where}: key must be a string or a function, got ${shown(key)}`);
  const bytes = Buffer.byteLength(key);
  if (bytes < 1 || bytes > LONGEST_KEY_BYTES) {
    throw new RangeError(`${where}: key must have 1 to ${LONGEST_KEY_BYTES} bytes, got ${bytes}`);
  }
  if (/\p{Cc}/u.test(key)) {
    throw new RangeError(
      `${where}: key must not have control characters, got ${JSON.stringify(key).slice(0, 80)}`,
    );
  }
}

const shown = (value: unknown): string =>
  inspect(value, { depth: 0, maxStringLength: 80, breakLength: Infinity });

function integer(where: string, option: string, value: unknown, least: number): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'number')
    throw new TypeError(`${where}: ${option} must be a number, got ${shown(value)}`);
  if (!Number.isInteger(value) || value < least || value > LONGEST_MS) {
    throw new RangeError(
      `${where}: ${option} must be an integer from ${least} to ${LONGEST_MS}, got ${value}`,
    );
  }
  return value;
}

function durationMs(where: string, option: string, value: unknown, leastMs: number): number | undefined {
  if (value === undefined) return undefined;
  const bounds = `from ${leastMs / 1_000} to ${LONGEST_MS / 1_000} seconds, or a string such as '30s', '5m', '1h' or '500ms'`;
  if (typeof value !== 'number' && typeof value !== 'string') {
    throw new TypeError(`${where}: ${option} must be ${bounds}, got ${shown(value)}`);
  }
  const ms = typeof value === 'number' ? Math.round(value * 1_000) : parsedMs(value);
  if (!(ms >= leastMs && ms <= LONGEST_MS)) {
    throw new RangeError(`${where}: ${option} must be ${bounds}, got ${shown(value)}`);
  }
  return ms;
}

/** NaN where it is no duration, which no bound lets pass. */
function parsedMs(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  return Math.round(Number(amount) * (UNITS_MS[unit ?? ''] ?? Number.NaN));
}
