import { show } from './check-options.js';
import { noteSeconds } from './doubtful-durations.js';

/**
 * A duration with its unit, such as `'500ms'`, `'30s'`, `'5m'` or `'1h'`. Fractions such as `'1.5h'` are
 * allowed.
 */
export type DurationText = `${number}${'ms' | 's' | 'm' | 'h'}`;

/** A duration: a number counts seconds; a string has a unit of its own, such as `'5m'`. */
export type Seconds = number | DurationText;

/** A duration: a number counts milliseconds; a string has a unit of its own, such as `'5s'`. */
export type Milliseconds = number | DurationText;

/** How an option reads its numbers, and the shortest duration that it takes. */
export interface DurationRule {
  readonly unit: 'seconds' | 'milliseconds';
  readonly leastMs: number;
}

/** The longest delay of a Node timer. */
const LONGEST_MS = 2 ** 31 - 1;
const MS_PER_UNIT: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/**
 * Converts the value of a duration option to whole milliseconds; `undefined` stays `undefined`. `where` is
 * the decorator, for the errors. Seconds that look like milliseconds are noted: they are legal.
 *
 * @throws TypeError when the value is neither a number nor a string.
 * @throws RangeError when it is no duration, or not from `leastMs` to 2^31 - 1 milliseconds.
 */
export function durationToMs(
  where: string,
  option: string,
  value: unknown,
  rule: DurationRule,
): number | undefined {
  if (value === undefined) return undefined;
  const message = `${where}: ${option} must be ${describeBounds(rule)}, got ${show(value)}`;
  if (typeof value !== 'number' && typeof value !== 'string') throw new TypeError(message);
  const ms = typeof value === 'string' ? parseDuration(value) : numberToMs(value, rule);
  if (!(ms >= rule.leastMs && ms <= LONGEST_MS)) throw new RangeError(message);
  if (typeof value === 'number' && rule.unit === 'seconds') noteSeconds(where, option, value);
  return ms;
}

function describeBounds({ unit, leastMs }: DurationRule): string {
  const numbers =
    unit === 'seconds'
      ? `from ${leastMs / 1_000} to ${LONGEST_MS / 1_000} seconds`
      : `an integer from ${leastMs} to ${LONGEST_MS} milliseconds`;
  return `${numbers}, or a string such as '30s', '5m', '1h' or '500ms'`;
}

/** NaN, which is within no bounds, for a fraction of a millisecond. */
function numberToMs(value: number, { unit }: DurationRule): number {
  if (unit === 'seconds') return Math.round(value * 1_000);
  return Number.isInteger(value) ? value : Number.NaN;
}

/** NaN, which is within no bounds, for a text that is no duration. */
function parseDuration(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  return Math.round(Number(amount) * (MS_PER_UNIT[unit ?? ''] ?? Number.NaN));
}
