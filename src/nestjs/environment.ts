import {
  memoryNode,
  type LockManagerOptions,
  type PostgresNodeOptions,
  type RedisNodeOptions,
} from '../index.js';

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
 * REDIS_PORT (default 6379), REDIS_USERNAME, REDIS_PASSWORD, REDIS_DB and REDIS_TLS; or, in place of all but
 * the first, QUORLOCK_NODES (urls separated by commas); and QUORLOCK_FALLBACK (none, the default, memory, or
 * the connection string of a PostgreSQL database, whose tables QUORLOCK_FALLBACK_MIGRATE=true makes). An
 * empty variable counts as unset.
 *
 * When Redis is not enabled, locks are kept in that database; without one in memory, as in the guide. When it
 * is enabled and cannot be reached, jobs are skipped as unreachable, unless QUORLOCK_FALLBACK says otherwise:
 * a silent change to another kind of lock would run them on every worker at once.
 *
 * @throws RangeError for a bad value. It names the variable and shows no url, which may have a password.
 */
export function optionsFromEnvironment(environment: Environment): FromEnvironment {
  const urls = readNodeUrls(environment);
  const fallback = readFallback(environment);
  if (!isEnabled(environment, urls !== undefined)) {
    const isDatabase = typeof fallback === 'object';
    const nodes = [isDatabase ? fallback : memoryNode()];
    return { options: { nodes }, warning: describeOtherLocks(environment, isDatabase) };
  }
  if (urls !== undefined) return { options: { nodes: urls, fallback }, warning: undefined };
  const { port, warning } = readPort(environment);
  return { options: { nodes: [readRedisAddress(environment, port)], fallback }, warning };
}

const read = (environment: Environment, name: string): string | undefined =>
  environment[name]?.trim() || undefined;

/** Not trimmed: a password may begin or end with a space. */
const readExactly = (environment: Environment, name: string): string | undefined =>
  environment[name] || undefined;

function isEnabled(environment: Environment, byDefault: boolean): boolean {
  return readBoolean(environment, 'REDIS_ENABLED') ?? byDefault;
}

function readBoolean(environment: Environment, name: string): boolean | undefined {
  const text = read(environment, name);
  if (text === undefined) return undefined;
  if (YES.includes(text.toLowerCase())) return true;
  if (NO.includes(text.toLowerCase())) return false;
  throw new RangeError(`${name} must be one of ${[...YES, ...NO].join(', ')}, got "${text.slice(0, 40)}"`);
}

function describeOtherLocks(environment: Environment, isDatabase: boolean): string {
  const enabled = read(environment, 'REDIS_ENABLED');
  const state = enabled === undefined ? 'is not set' : `is ${enabled}`;
  if (isDatabase) return `REDIS_ENABLED ${state}: locks are kept in the database of QUORLOCK_FALLBACK`;
  return (
    `REDIS_ENABLED ${state}: locks are kept in the memory of this process. ` +
    'That does NOT prevent duplicates across different processes or servers. ' +
    'Set REDIS_ENABLED=true with REDIS_HOST and REDIS_PORT, or QUORLOCK_NODES'
  );
}

function readRedisAddress(environment: Environment, port: number): RedisNodeOptions {
  const password = readExactly(environment, 'REDIS_PASSWORD');
  const username = read(environment, 'REDIS_USERNAME');
  const db = read(environment, 'REDIS_DB');
  if (db !== undefined && !/^\d{1,9}$/.test(db)) {
    throw new RangeError(`REDIS_DB must be the number of a database, from 0, got "${db.slice(0, 40)}"`);
  }
  const host = read(environment, 'REDIS_HOST') ?? 'localhost';
  // It is not shown: a url may have a password. One colon is that of a port; an IPv6 address has more.
  if (/[\s/@]|^[^:]*:[^:]*$/.test(host)) {
    throw new RangeError(
      'REDIS_HOST must be a name or an IP address, without scheme, user and port: see REDIS_PORT, ' +
        'REDIS_PASSWORD and QUORLOCK_NODES, which takes urls',
    );
  }
  return {
    host,
    port,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(db === undefined ? {} : { db: Number(db) }),
    ...(readBoolean(environment, 'REDIS_TLS') === true ? { tls: {} } : {}),
  };
}

const DEFAULT_PORT = '6379';

/**
 * In Kubernetes a Service called `redis` puts `REDIS_PORT=tcp://10.96.0.17:6379` into the environment of
 * every container of its namespace. Nobody wrote it for this application, so it counts as unset. A warning
 * says so where the Service has another port than the default.
 */
function readPort(environment: Environment): { port: number; warning: string | undefined } {
  const text = read(environment, 'REDIS_PORT') ?? DEFAULT_PORT;
  const ofService = /^(?:tcp|udp|sctp):\/\/[^/]*:(\d{1,5})$/.exec(text)?.[1];
  if (ofService !== undefined) {
    const warning =
      `REDIS_PORT is "${text.slice(0, 80)}": Kubernetes set it for a Service that is called redis. ` +
      `It counts as unset, so the port is ${DEFAULT_PORT}. ` +
      `Set REDIS_PORT=${ofService} if that is the server`;
    return { port: Number(DEFAULT_PORT), warning: ofService === DEFAULT_PORT ? undefined : warning };
  }
  if (!/^\d{1,5}$/.test(text) || Number(text) < 1 || Number(text) > 65_535) {
    throw new RangeError(`REDIS_PORT must be an integer from 1 to 65535, got "${text.slice(0, 40)}"`);
  }
  return { port: Number(text), warning: undefined };
}

function readNodeUrls(environment: Environment): string[] | undefined {
  const text = read(environment, 'QUORLOCK_NODES');
  if (text === undefined) return undefined;
  const urls = text.split(',').map((url) => url.trim());
  urls.forEach((url, index) => {
    const fault = faultOf(url);
    if (fault !== undefined)
      throw new RangeError(`QUORLOCK_NODES: entry ${index + 1} of ${urls.length} ${fault}`);
  });
  return urls;
}

function faultOf(url: string): string | undefined {
  if (url === '') return 'is empty';
  if (!/^rediss?:\/\/./.test(url)) return 'is not a redis:// or rediss:// url';
  if (/:\/\/.*rediss?:\/\//.test(url)) return 'has several urls: separate them by commas';
  return undefined;
}

/** A word; anything else may be a broken connection string, which has a password. */
const WORD = /^\w{1,40}$/;

function readFallback(environment: Environment): 'none' | 'memory' | PostgresNodeOptions {
  const migrate = readBoolean(environment, 'QUORLOCK_FALLBACK_MIGRATE') ?? false;
  const text = read(environment, 'QUORLOCK_FALLBACK') ?? 'none';
  if (/^postgres(ql)?:\/\/./.test(text)) return { postgres: text, migrate };
  if (text === 'none' || text === 'memory') return text;
  const got = WORD.test(text) ? `"${text}"` : 'something else';
  throw new RangeError(`QUORLOCK_FALLBACK must be none, memory or a postgres:// url, got ${got}`);
}
