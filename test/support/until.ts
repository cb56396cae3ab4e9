import { clearTimeout, setTimeout } from 'node:timers';
import { setTimeout as sleep } from 'node:timers/promises';

export interface UntilOptions {
  /** What is waited for, in the words of the error. */
  readonly what?: string;
  /** The generous end of the wait: a slow machine must never reach it. */
  readonly timeoutMs?: number;
  readonly everyMs?: number;
}

/**
 * Waits until the condition gives something truthy, and gives that. A condition that throws is asked again; the last error
 * is the cause of the failure. The timers are Node's own, whatever Jest has put in the place of the global ones.
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
      if (over) throw new Error(`waited ${timeoutMs} ms in vain for: ${what}`, { cause });
      await sleep(everyMs);
    }
  } finally {
    clearTimeout(end);
  }
}
