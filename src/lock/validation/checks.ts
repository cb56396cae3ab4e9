import { inspect } from 'node:util';

/** A bad value as an error shows it: enough to find it by, on one line. */
export const shown = (value: unknown): string =>
  inspect(value, { depth: 0, maxStringLength: 80, breakLength: Infinity });
