import { LONGEST_OUT_MS } from './key-life.js';

/** The greatest number that every client reads as it is. */
const MOST = Number.MAX_SAFE_INTEGER;

/** An id has 36 characters. */
const LONGEST_ID = 100;

const WAITS = ['since', 'lifted', 'in_force', 'wrote'];
const COUNTS = ['anew', 'born', 'writes', 'seq', 'alone_anew'];

/**
 * Whether these functions can have written a row of the marker, as SQL. Where somebody else has, a number may
 * make every statement fail, or make everybody wait for years.
 */
export function isSound(row: string): string {
  const are = [
    ...COUNTS.map((name) => `${row}.${name} between 0 and ${MOST}`),
    ...WAITS.map((name) => `coalesce(${row}.${name}, 0) between 0 and ${MOST}`),
    `${row}.longest between 0 and ${LONGEST_OUT_MS}`,
    `${row}.mem ~ '^[0-9]{0,16}$'`,
    `length(${row}.id) <= ${LONGEST_ID}`,
  ];
  const waited = `coalesce(${row}.in_force - ${row}.wrote, 0) <= ${LONGEST_OUT_MS * 1_000}`;
  return `(case when ${are.join('\n      and ')}\n      then ${waited} else false end)`;
}
