import { memoryNode, type LockManagerOptions } from '../index.js';

/** The environment, as `process.env` has it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What the environment decides, and what should be said about it. */
export interface FromEnvironment {
  readonly options: Pick<LockManagerOptions, 'nodes' | 'fallback'>;
  readonly warning: string | undefined;
}

const YES = ['true', '1', 'yes', 'on'];
const NO = ['false', '0', 'no', 'off'];

/**
 * Reads the variables of `QuorlockModule.forRoot()`: REDIS_ENABLED, REDIS_HOST (localhost), REDIS_PORT (6379),
 * QUORLOCK_NODES (urls, separated by commas, instead of host and port) and QUORLOCK_FALLBACK (none). An empty variable
 * counts as unset. A bad one throws a RangeError that names it, and shows no url, which may have a password.
 *
 * Where Redis is not enabled, locks are kept in memory, as the guide has it. Where it is enabled and cannot be reached, jobs
 * are skipped as unreachable unless QUORLOCK_FALLBACK=memory: a silent change to another kind of lock would run them on
 * every worker at once.
 */
export function optionsFromEnvironment(environment: Environment): FromEnvironment {
  const urls = nodeUrls(environment);
  const fallback = fallbackOf(environment);
  if (!isEnabled(environment, urls !== undefined))
    return { options: { nodes: [memoryNode()] }, warning: warningOf(environment) };
  return { options: { nodes: urls ?? [redisAddress(environment)], fallback }, warning: undefined };
}

const read = (environment: Environment, name: string): string | undefined =>
  environment[name]?.trim() || undefined;

function isEnabled(environment: Environment, byDefault: boolean): boolean {
  const text = read(environment, 'REDIS_ENABLED');
  if (text === undefined) return byDefault;
  if (YES.includes(text.toLowerCase())) return true;
  if (NO.includes(text.toLowerCase())) return false;
  throw new RangeError(
    `REDIS_ENABLED must be one of ${[...YES, ...NO].join(', ')}, got "${text.slice(0, 40)}"`,
  );
}

function warningOf(environment: Environment): string {
  const enabled = read(environment, 'REDIS_ENABLED');
  const state = enabled === undefined ? 'is not set' : `is ${enabled}`;
  return (
    `REDIS_ENABLED ${state}: locks are kept in the memory of this process. That does NOT prevent duplicates across ` +
    'different processes or servers. Set REDIS_ENABLED=true with REDIS_HOST and REDIS_PORT, or QUORLOCK_NODES'
  );
}

function redisAddress(environment: Environment): { host: string; port: number } {
  const port = read(environment, 'REDIS_PORT') ?? '6379';
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
    throw new RangeError(`REDIS_PORT must be an integer from 1 to 65535, got "${port.slice(0, 40)}"`);
  }
  return { host: read(environment, 'REDIS_HOST') ?? 'localhost', port: Number(port) };
}

function nodeUrls(environment: Environment): string[] | undefined {
  const text = read(environment, 'QUORLOCK_NODES');
  if (text === undefined) return undefined;
  const urls = text.split(',').map((url) => url.trim());
  urls.forEach((url, index) => {
    if (/^rediss?:\/\/./.test(url)) return;
    const what = url === '' ? 'is empty' : 'is not a redis:// or rediss:// url';
    throw new RangeError(`QUORLOCK_NODES: entry ${index + 1} of ${urls.length} ${what}`);
  });
  return urls;
}

function fallbackOf(environment: Environment): 'none' | 'memory' {
  const text = read(environment, 'QUORLOCK_FALLBACK') ?? 'none';
  if (text === 'none' || text === 'memory') return text;
  throw new RangeError(`QUORLOCK_FALLBACK must be none or memory, got "${text.slice(0, 40)}"`);
}
