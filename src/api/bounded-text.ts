import { cutShort } from '../core/plain-text.js';

/**
 * Text of bounded length for errors, warnings and log lines. What users give may be long: 64 resources of 512
 * bytes each would be a message of 32 kB.
 */

const LONGEST_ITEM = 80;

/** The beginning of a text that is longer than `longest` characters; other texts as they are. */
export const shortened = (text: string, longest: number = LONGEST_ITEM): string => cutShort(text, longest);

/** A text without what stands before the host in its urls: the user and the password. */
export const withoutLogins = (text: string): string => text.replace(/:\/\/\S*@/g, '://***@');

/** The first items, shortened, and how many there are besides: `a, b, c, d, e and 59 more`. */
export function listed(items: readonly string[], most: number): string {
  const shown = items.slice(0, most).map((item) => shortened(item));
  const left = items.length - shown.length;
  return left > 0 ? `${shown.join(', ')} and ${left} more` : shown.join(', ');
}
