/** Longer than every message of ours; what a server sends may have any length. */
const LONGEST = 1_000;

/**
 * The beginning of a text that is longer than `longest` characters; other texts as they are. A character that
 * takes two places is not cut in half.
 */
export const cutShort = (text: string, longest: number): string =>
  text.length > longest ? `${text.slice(0, longest - 1).replace(/[\ud800-\udbff]$/, '')}…` : text;

/**
 * A text of a server, as it goes into errors, states and log lines: on one line, of bounded length, and
 * without what would control a terminal or turn the order of writing. It could look like other lines of the
 * log otherwise.
 */
export function plainText(text: string, longest: number = LONGEST): string {
  return cutShort(text, longest).replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu, ' ');
}
