/** Longer than every message of ours; what a server sends may have any length. */
const LONGEST = 1_000;

/**
 * A text of a server, as it goes into errors, states and log lines: on one line, of bounded length, and
 * without what would control a terminal or turn the order of writing. It could look like other lines of the
 * log otherwise.
 */
export function plainText(text: string, longest: number = LONGEST): string {
  const isShort = text.length <= longest;
  const shown = isShort ? text : `${text.slice(0, longest - 1).replace(/[\ud800-\udbff]$/, '')}…`;
  return shown.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu, ' ');
}
