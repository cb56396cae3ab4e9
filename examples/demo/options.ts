import { parseArgs } from 'node:util';

/** The options of the command line. */
export interface DemoOptions {
  readonly seconds: number;
  readonly workers: number;
  readonly nodes: number;
}

interface Bound {
  readonly least: number;
  readonly most: number;
  readonly fallback: number;
  readonly meaning: string;
}

const BOUNDS: Readonly<Record<keyof DemoOptions, Bound>> = {
  seconds: { least: 10, most: 3_600, fallback: 30, meaning: 'how long it runs at least' },
  workers: { least: 2, most: 20, fallback: 3, meaning: 'Nest processes; three are killed and replaced' },
  nodes: { least: 1, most: 9, fallback: 5, meaning: 'redis-server processes' },
};

export const USAGE = [
  'npm run demo -- [--seconds S] [--workers W] [--nodes N]',
  ...Object.entries(BOUNDS).map(
    ([name, { least, most, fallback, meaning }]) =>
      `  --${name.padEnd(8)} ${meaning}: ${least} to ${most}, by default ${fallback}`,
  ),
].join('\n');

/**
 * Reads the command line; `'help'` if it asks for help.
 * @throws RangeError or TypeError that names the option.
 */
export function readOptions(args: readonly string[]): DemoOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string' },
      workers: { type: 'string' },
      nodes: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return 'help';
  return {
    seconds: integer('seconds', values.seconds),
    workers: integer('workers', values.workers),
    nodes: integer('nodes', values.nodes),
  };
}

function integer(name: keyof DemoOptions, text: string | undefined): number {
  const { least, most, fallback } = BOUNDS[name];
  if (text === undefined) return fallback;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) {
    throw new RangeError(`--${name} must be an integer from ${least} to ${most}, got "${text.slice(0, 40)}"`);
  }
  return value;
}
