import { LOCK_DEFAULTS } from '../../src/index.js';
import { DEFAULT_TTL_MS } from '../../src/nestjs/lock-settings.js';

/** The words that bounds are made of, where all other options have their defaults. */
const WORDS: Readonly<Record<string, number>> = {
  ttlMs: LOCK_DEFAULTS.ttlMs,
  'ttlMs / 3': LOCK_DEFAULTS.ttlMs / 3,
  maxTtlMs: LOCK_DEFAULTS.maxTtlMs,
  ttl: DEFAULT_TTL_MS / 1_000,
  '2^31 - 1': 2 ** 31 - 1,
  '2^53 - 1': 2 ** 53 - 1,
};

/** What is just within and just beyond the bounds that a cell tells; `undefined` where it tells none. */
export function boundsOf(cell: string, unit: string | undefined) {
  const [, from, to, characters] = /^(?:.* or )?(.+?) to (.+?)( characters| bytes)?$/.exec(cell) ?? [];
  if (from === undefined || to === undefined) return undefined;
  const [least, most] = [valueOf(from), valueOf(to)];
  if (characters !== undefined) {
    const text = (length: number): string => 'x'.repeat(length);
    return { least: text(least), most: text(most), below: text(least - 1), above: text(most + 1) };
  }
  const step = { seconds: 0.001, fraction: 0.01 }[unit ?? ''] ?? 1;
  return { least, most, below: least - step, above: most + step };
}

function valueOf(bound: string): number {
  const value = WORDS[bound] ?? Number(bound);
  if (Number.isNaN(value)) throw new Error(`the README has a bound that is no number: ${bound}`);
  return value;
}
