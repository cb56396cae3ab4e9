import { clearTimeout, setTimeout } from 'node:timers';
import { setTimeout as sleep } from 'node:timers/promises';

export interface UntilOptions {
  /** A description of the condition for the error message. */
  readonly what?: string;
  /** The time limit. It is generous, because a slow machine must never reach it. */
  readonly timeoutMs?: number;
  readonly everyMs?: number;
}

/**
 * Waits until the condition gives a truthy value and returns it. A condition that throws is tried again; the
 * last error becomes the cause of the failure. The timers are Node's own, even if Jest replaces the global
 * ones.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  { what = condition.toString(), timeoutMs = 120_000, everyMs = 10 }: UntilOptions = {},
): Promise<NonNullable<T>> {
  let over = false;
  const end = setTimeout(() => (over = true), timeoutMs);
  try {
    for (;;) {
      let cause: unknown;
      try {
        const value = await condition();
        if (value) return value;
      } catch (error) {
        cause = error;
      }
      if (over) throw new Error(`waited ${timeoutMs} ms without success for: ${what}`, { cause });
      await sleep(everyMs);
    }
  } finally {
    clearTimeout(end);
  }
}
