/** A word as it goes over the wire: a bulk string of the Redis protocol. */
export const bulk = (word: string): string => `$${Buffer.byteLength(word)}\r\n${word}\r\n`;

/** A number, which is as long in bytes as in characters. */
export function bulkNumber(number: number): string {
  const text = String(number);
  return `$${text.length}\r\n${text}\r\n`;
}

/** The first digits of the latest instant, which it shares with all instants of the same ten seconds. */
const TEN_SECONDS_US = 1e7;
let tenSeconds = { number: 0, text: '0' };

/**
 * An instant in whole microseconds. To print a number of sixteen digits takes three times as long as to print
 * one of eight, and instants of a moment begin alike.
 */
export function bulkInstant(us: number): string {
  const number = Math.floor(us / TEN_SECONDS_US);
  if (number === 0) return bulkNumber(us);
  if (number !== tenSeconds.number) tenSeconds = { number, text: String(number) };
  const rest = String(TEN_SECONDS_US + (us - number * TEN_SECONDS_US)).slice(1);
  const text = tenSeconds.text + rest;
  return `$${text.length}\r\n${text}\r\n`;
}
