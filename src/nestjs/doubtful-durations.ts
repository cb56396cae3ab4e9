import { sharedByCopies } from './shared-by-copies.js';

const [HOUR_S, DAY_S] = [3_600, 86_400];

const lines = sharedByCopies('doubtful-durations:1', () => new Set<string>());

/**
 * Whether a number of seconds looks like one of milliseconds. People who mean seconds write no full thousands
 * of them, except for whole hours of a day, and whole days. It is a guess, so the number counts as it is.
 */
const isDoubtful = (seconds: number): boolean =>
  seconds >= 1_000 &&
  seconds % 1_000 === 0 &&
  seconds % DAY_S !== 0 &&
  (seconds > DAY_S || seconds % HOUR_S !== 0);

/** Keeps a line about a number of seconds that may have been meant as milliseconds. */
export function noteSeconds(where: string, option: string, seconds: number): void {
  if (!isDoubtful(seconds)) return;
  const hours = (seconds / HOUR_S).toFixed(1);
  lines.add(
    `${where}: ${option} is ${seconds} seconds (${hours} h), because a number counts seconds: write ` +
      `'${seconds / 1_000}s' if milliseconds were meant, or '${seconds}s' if not`,
  );
}

/** The lines since the last call. Each is given once, to the first application that starts. */
export function takeDoubtfulDurations(): string[] {
  const taken = [...lines];
  lines.clear();
  return taken;
}
