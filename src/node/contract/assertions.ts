import { deepStrictEqual, ok } from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

/** Only a case that can never hold waits this long, in milliseconds. A slow machine does not. */
const TOO_LONG_MS = 60_000;

/** Waits until the condition holds. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + TOO_LONG_MS;
  while (!(await condition())) {
    ok(performance.now() < end, `waited ${TOO_LONG_MS} ms in vain for ${what}`);
    await sleep(5);
  }
}

/** That `actual` has everything that `expected` has. It may have more. */
export function matches(actual: unknown, expected: object): void {
  deepStrictEqual(partOf(actual, expected), expected);
}

/** What `actual` says to the keys of `expected`. */
function partOf(actual: unknown, expected: unknown): unknown {
  if (!isObject(actual) || !isObject(expected)) return actual;
  // A list of another length stays as it is, so that the difference shows.
  if (Array.isArray(actual)) {
    if (!Array.isArray(expected) || actual.length !== expected.length) return actual;
    return actual.map((item, at) => partOf(item, expected[at]));
  }
  const keys = Object.keys(expected).filter((key) => key in actual);
  return Object.fromEntries(keys.map((key) => [key, partOf(actual[key], expected[key])]));
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

export function between(value: number | undefined, above: number, atMost: number): void {
  ok(value !== undefined && value > above && value <= atMost, `${value} must be in (${above}, ${atMost}]`);
}
