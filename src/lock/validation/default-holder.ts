import { hostname } from 'node:os';

/** The longest name of a holder, in characters. */
export const LONGEST_HOLDER = 128;

/**
 * The default of the option `holder`: `host:pid`. A machine may have any name (`PC-Jürgen`, one with a space,
 * a very long one), and the default must never stop the start. So what is not allowed in a holder is written
 * as in a url, `PC-J%C3%BCrgen:4711`, and a long name is cut.
 */
export function defaultHolder(readHostname: () => string = hostname, pid: number = process.pid): string {
  const end = `:${pid}`;
  return encoded(readHostname).slice(0, LONGEST_HOLDER - end.length) + end;
}

function encoded(readHostname: () => string): string {
  try {
    // Through a buffer: half a pair of UTF-16 would throw.
    return encodeURIComponent(Buffer.from(readHostname()).toString()) || 'unknown';
  } catch {
    // The system does not tell its name.
    return 'unknown';
  }
}
