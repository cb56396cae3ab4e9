import type { RedisLike, RedisNodeOptions } from '../../node-options.js';
import {
  CONNECT_TIMEOUT_MS,
  SENTINEL_ANSWERS_MS,
  SILENCE_MS,
  type Connection,
  type RetryDelay,
} from './connection.js';
import { Credentials } from './credentials.js';
import { IoredisConnection, type Client, type MakeClient } from './ioredis-connection.js';

const IOREDIS_CONNECT_TIMEOUT_MS = 10_000;

/**
 * An idle connection is probed so often. One that listens sends nothing by itself: a firewall forgets it
 * after minutes, and it would hear nothing until the system looks, by default after two hours.
 */
const KEEP_ALIVE_MS = 30_000;

/**
 * What holds on our own connection, whatever the user's client does. By default ioredis keeps commands while
 * offline, and sends unanswered ones again after a reconnect. `maxRetriesPerRequest: 0` makes the commands of
 * a broken connection fail, which otherwise would never settle.
 */
const OURS = {
  lazyConnect: true,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  maxRetriesPerRequest: 0,
  enableReadyCheck: true,
  enableAutoPipelining: false,
  reconnectOnError: null,
  readOnly: false,
  monitor: false,
  stringNumbers: false,
  commandTimeout: undefined,
  socketTimeout: SILENCE_MS,
  // How long a connection that is being closed may keep the process alive.
  disconnectTimeout: 100,
  keyPrefix: '',
} as const;

/** Options that we do not know go to ioredis as they came, so its own type for them is too narrow. */
type ClientClass = new (options: object) => Client;
type Package = { readonly Redis: unknown };

/**
 * The class by which urls and options are opened. Both packages are optional, because whoever gives clients
 * needs none of them. So a bundle is made without the one that is not installed: bundlers warn of an import
 * that fails inside `try`, and stop at any other. The CommonJS build calls `require`, which gives the copy of
 * the package that the application's own `require` gives.
 */
async function loadClass(): Promise<ClientClass> {
  let failure: unknown;
  try {
    const ioredis = typeof require === 'function' ? (require('ioredis') as Package) : await import('ioredis');
    return ioredis.Redis as ClientClass;
  } catch (error) {
    failure = error;
  }
  try {
    const iovalkey =
      typeof require === 'function' ? (require('iovalkey') as Package) : await import('iovalkey');
    return iovalkey.Redis as ClientClass;
  } catch {
    throw new Error(MISSING, { cause: failure });
  }
}

const MISSING =
  'a url or options are opened by the package ioredis, or iovalkey, and none of them can be loaded: ' +
  'npm install ioredis, or give a client of the library that you use';

export const clientOf =
  (options: RedisNodeOptions): MakeClient =>
  async (overrides) =>
    new (await loadClass())({ ...options, ...overrides });

/** A duplicate of the user's client, of whatever copy of the library that is. */
export const duplicateOf = (client: RedisLike): MakeClient => {
  // A client that changed its database with SELECT is on another one than its options say.
  const selected = (client as { condition?: { select?: unknown } | null }).condition?.select;
  const db = typeof selected === 'number' ? { db: selected } : {};
  return (overrides) => client.duplicate({ ...db, ...overrides }) as Client;
};

/** A connection to the server that the options name. */
export const openConnection = (
  make: MakeClient,
  options: RedisNodeOptions,
  retryDelayMs: RetryDelay,
): Connection => connectionOf(make, options, retryDelayMs, {});

/** A connection to the master that the sentinels in the options name. */
export const openSentinelConnection = (
  make: MakeClient,
  options: RedisNodeOptions,
  retryDelayMs: RetryDelay,
): Connection => connectionOf(make, options, retryDelayMs, sentinelOverridesOf(options));

function connectionOf(
  make: MakeClient,
  options: RedisNodeOptions,
  retryDelayMs: RetryDelay,
  overrides: object,
): Connection {
  const credentials = new Credentials(options);
  const rules = { secrets: credentials.secrets, tls: Boolean(options.tls) };
  const common = { ...overridesOf(options, retryDelayMs), ...overrides };
  if (!credentials.areFunctions) return new IoredisConnection(() => make(common), rules, { retryDelayMs });
  // ioredis reads its options whenever it connects, but does not wait for anything before. So it is made to
  // give up each time, and `IoredisConnection` connects again.
  const anonymous = { ...common, ...NO_LOGIN, retryStrategy: null };
  const logIn = async (client: Client): Promise<void> => {
    Object.assign(client.options, NO_LOGIN, await credentials.read());
  };
  return new IoredisConnection(() => make(anonymous), rules, { retryDelayMs, logIn });
}

const NO_LOGIN = {
  username: undefined,
  password: undefined,
  sentinelUsername: undefined,
  sentinelPassword: undefined,
} as const;

function overridesOf({ connectTimeout, keepAlive }: RedisNodeOptions, retryStrategy: RetryDelay) {
  // ioredis's own default stands in the options of every client. Another value was chosen by the user.
  const isChosen = typeof connectTimeout === 'number' && connectTimeout !== IOREDIS_CONNECT_TIMEOUT_MS;
  return {
    ...OURS,
    retryStrategy,
    connectTimeout: isChosen ? connectTimeout : CONNECT_TIMEOUT_MS,
    // The default of ioredis 5 and of iovalkey is 0: whatever the system does.
    keepAlive: keepAlive === undefined || keepAlive === 0 ? KEEP_ALIVE_MS : keepAlive,
  };
}

/**
 * When none of the sentinels named a master, ioredis would ask them again by itself, without an end that
 * could be told or a timer that could be stopped. So it is made to give up, and `IoredisConnection` asks
 * again.
 */
const sentinelOverridesOf = ({ sentinelCommandTimeout }: RedisNodeOptions) =>
  ({
    role: 'master',
    // Its connections have no listener for errors; ioredis would print these as they are.
    failoverDetector: false,
    sentinelCommandTimeout:
      typeof sentinelCommandTimeout === 'number' ? sentinelCommandTimeout : SENTINEL_ANSWERS_MS,
    sentinelRetryStrategy: null,
  }) as const;

/** What a sentinel answers to SENTINEL MASTER about the group in the options. Rejects if it does not. */
export async function askSentinel(
  sentinel: object,
  options: RedisNodeOptions,
  make: MakeClient,
): Promise<unknown> {
  const { sentinelTLS } = options;
  const login = await new Credentials(options).read();
  const client = await make({
    ...{ host: undefined, path: undefined, sentinels: null, name: undefined, db: 0, keyPrefix: '' },
    port: 26_379,
    ...sentinel,
    username: login.sentinelUsername,
    password: login.sentinelPassword,
    tls: typeof sentinelTLS === 'object' && sentinelTLS !== null ? sentinelTLS : undefined,
    lazyConnect: true,
    retryStrategy: null,
    enableReadyCheck: false,
    enableOfflineQueue: true,
    enableAutoPipelining: false,
    disableClientInfo: true,
    replyMapping: 'legacy',
    connectTimeout: SENTINEL_ANSWERS_MS,
    commandTimeout: SENTINEL_ANSWERS_MS,
    disconnectTimeout: 100,
  });
  // A sentinel that does not answer is passed over. Its error is told where the connection asks it.
  client.on('error', () => undefined);
  try {
    return await client.call('SENTINEL', 'MASTER', String(options.name));
  } finally {
    client.disconnect();
  }
}
