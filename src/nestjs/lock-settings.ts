import { inspect } from 'node:util';
import type { AcquireOptions } from '../index.js';
import { durationToMs, type Milliseconds, type Seconds } from './duration.js';

/** How a decorated method or handler is locked. */
export interface LockSettings {
  /**
   * Time to live: how long the lock stays taken when its holder dies. In seconds or as a string such as
   * `'5m'`, from 10 ms to the module's `maxTtlMs`. While the method runs the lock is extended, so a short
   * `ttl` suits a long job too.
   * @default 60, or the `ttlMs` of the module's options
   */
  readonly ttl?: Seconds;
  /**
   * How often to try again when the lock is held: an integer from 0 to 2^31 - 1. Excludes `onHeld: 'wait'`.
   * @default 0
   */
  readonly retries?: number;
  /**
   * Pause between two attempts. In milliseconds or as a string such as `'500ms'`, from 1 ms. Each pause is
   * drawn at random from half to one and a half times this.
   * @default 100
   */
  readonly retryDelay?: Milliseconds;
  /**
   * How long a call waits for a held lock. In seconds or as a string such as `'5m'`, from 1 ms. Needs
   * `onHeld: 'wait'`.
   * @default the `ttl`
   */
  readonly wait?: Seconds;
  /**
   * The lock stays taken at least this long, even if the method ends earlier. In seconds or as a string such
   * as `'30s'`, from 0 to `ttl`.
   * @default 0
   */
  readonly minHold?: Seconds;
  /**
   * The lease is lost after this time, even if it was extended. In seconds or as a string such as `'1h'`, at
   * least `ttl`.
   * @default none
   */
  readonly maxHold?: Seconds;
  /**
   * Whether the lock is extended while the method runs.
   * @default true
   */
  readonly autoExtend?: boolean;
}

export const SETTINGS = ['ttl', 'retries', 'retryDelay', 'wait', 'minHold', 'maxHold', 'autoExtend'] as const;

/** What to do when somebody else has the lock. */
export type OnHeld = 'skip' | 'throw' | 'wait';

/** The guide's default, in milliseconds. */
export const DEFAULT_TTL_MS = 60_000;

const SHORTEST_TTL_MS = 10;
const MOST_RETRIES = 2 ** 31 - 1;
const LONGEST_KEY_BYTES = 512;

/** The part of `AcquireOptions` that settings decide. */
export type NormalizedOptions = Pick<
  AcquireOptions,
  'ttlMs' | 'retries' | 'retryDelayMs' | 'waitMs' | 'minHoldMs' | 'maxHoldMs' | 'autoExtend'
>;

let longestTtlMs = 0;

/**
 * The longest ttl that any decorator has asked for so far, in milliseconds. Decorators run when their file is
 * imported, so before a module's factory does: its `maxTtlMs` follows this.
 */
export function longestDecoratedTtlMs(): number {
  return longestTtlMs;
}

/**
 * Checks the settings of one decorator and turns them into milliseconds. `where` is the decorator, for the
 * errors.
 */
export function normalizeOptions(
  where: string,
  settings: LockSettings,
  onHeld: OnHeld | undefined,
): NormalizedOptions {
  const seconds = (option: 'ttl' | 'wait' | 'minHold' | 'maxHold', leastMs: number) =>
    durationToMs(where, option, settings[option], { unit: 'seconds', leastMs });
  const ttlMs = seconds('ttl', SHORTEST_TTL_MS);
  const retries = integer(where, 'retries', settings.retries, 0);
  const retryDelayMs = durationToMs(where, 'retryDelay', settings.retryDelay, {
    unit: 'milliseconds',
    leastMs: 1,
  });
  const waitMs = seconds('wait', 1);
  const minHoldMs = seconds('minHold', 0);
  const maxHoldMs = seconds('maxHold', 1);
  const { autoExtend } = settings;
  if (autoExtend !== undefined && typeof autoExtend !== 'boolean') {
    throw new TypeError(`${where}: autoExtend must be true or false, got ${shown(autoExtend)}`);
  }
  if (waitMs !== undefined && onHeld !== 'wait') {
    throw new RangeError(`${where}: wait (${shown(settings.wait)}) needs onHeld: 'wait'`);
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
  if (!Number.isInteger(value) || value < least || value > MOST_RETRIES) {
    throw new RangeError(
      `${where}: ${option} must be an integer from ${least} to ${MOST_RETRIES}, got ${value}`,
    );
  }
  return value;
}
