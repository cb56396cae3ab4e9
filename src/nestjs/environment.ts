import { memoryNode, type LockManagerOptions } from '../index.js';

/** The variables of the environment, like `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The options that the environment decides, and a warning about them, if there is one. */
export interface FromEnvironment {
  readonly options: Pick<LockManagerOptions, 'nodes' | 'fallback'>;
  readonly warning: string | undefined;
}

const YES = ['true', '1', 'yes', 'on'];
const NO = ['false', '0', 'no', 'off'];

/**
 * Reads the variables of `QuorlockModule.forRoot()`: REDIS_ENABLED, REDIS_HOST (default localhost),
 * REDIS_PORT (default 6379), QUORLOCK_NODES (urls separated by commas, instead of host and port) and
 * QUORLOCK_FALLBACK (none, the default, or memory). An empty variable counts as unset.
 *
 * When Redis is not enabled, locks are kept in memory, as in the guide. When it is enabled and cannot be
 * reached, jobs are skipped as unreachable, unless QUORLOCK_FALLBACK=memory: a silent change to another kind
 * of lock would run them on every worker at once.
 *
 * @throws RangeError for a bad value. It names the variable and shows no url, which may have a password.
 */
export function optionsFromEnvironment(environment: Environment): FromEnvironment {
  const urls = readNodeUrls(environment);
  const fallback = readFallback(environment);
  if (!isEnabled(environment, urls !== undefined))
    return { options: { nodes: [memoryNode()] }, warning: describeMemoryLocks(environment) };
  return { options: { nodes: urls ?? [readRedisAddress(environment)], fallback }, warning: undefined };
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

function describeMemoryLocks(environment: Environment): string {
  const enabled = read(environment, 'REDIS_ENABLED');
  const state = enabled === undefined ? 'is not set' : `is ${enabled}`;
  return (
    `REDIS_ENABLED ${state}: locks are kept in the memory of this process. ` +
    'That does NOT prevent duplicates across different processes or servers. ' +
    'Set REDIS_ENABLED=true with REDIS_HOST and REDIS_PORT, or QUORLOCK_NODES'
  );
}

function readRedisAddress(environment: Environment): { host: string; port: number } {
  const port = read(environment, 'REDIS_PORT') ?? '6379';
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
    throw new RangeError(`REDIS_PORT must be an integer from 1 to 65535, got "${port.slice(0, 40)}"`);
  }
  return { host: read(environment, 'REDIS_HOST') ?? 'localhost', port: Number(port) };
}

function readNodeUrls(environment: Environment): string[] | undefined {
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

function readFallback(environment: Environment): 'none' | 'memory' {
  const text = read(environment, 'QUORLOCK_FALLBACK') ?? 'none';
  if (text === 'none' || text === 'memory') return text;
  throw new RangeError(`QUORLOCK_FALLBACK must be none or memory, got "${text.slice(0, 40)}"`);
}
