import { Redis } from 'ioredis';
import type { RedisLike, RedisNodeOptions } from '../../node-options.js';
import type { Connection, RetryDelay } from './connection.js';
import { Credentials } from './credentials.js';
import { RedisConnection, type Client } from './redis-connection.js';

/**
 * A connection on which the server is silent for this long, although commands are under way, is made anew.
 */
const SILENCE_MS = 2_000;
const CONNECT_TIMEOUT_MS = 2_000;
const IOREDIS_CONNECT_TIMEOUT_MS = 10_000;
/** How long a sentinel may take to answer. One that hangs must not keep us from asking the next one. */
const SENTINEL_ANSWERS_MS = 2_000;

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

/** Makes an unconnected client whose options are overridden by these. */
export type MakeClient = (overrides: object) => Client;

/** ioredis gets options that we do not know as they came, so its own type for them is too narrow. */
const IoredisClient: new (options: object) => Client = Redis;

export const clientOf =
  (options: RedisNodeOptions): MakeClient =>
  (overrides) =>
    new IoredisClient({ ...options, ...overrides });

export const duplicateOf = (client: RedisLike): MakeClient => {
  // A client that changed its database with SELECT is on another one than its options say.
  const selected = (client as { condition?: { select?: unknown } | null }).condition?.select;
  const db = typeof selected === 'number' ? { db: selected } : {};
  return (overrides) => client.duplicate({ ...overrides, ...db }) as Client;
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
  if (!credentials.areFunctions) return new RedisConnection(make(common), rules, { retryDelayMs });
  // ioredis reads its options whenever it connects, but does not wait for anything before. So it is made to
  // give up each time, and `RedisConnection` connects again.
  const client = make({ ...common, ...NO_LOGIN, retryStrategy: null });
  const logIn = async (): Promise<void> => {
    Object.assign(client.options, NO_LOGIN, await credentials.read());
  };
  return new RedisConnection(client, rules, { retryDelayMs, logIn });
}

const NO_LOGIN = {
  username: undefined,
  password: undefined,
  sentinelUsername: undefined,
  sentinelPassword: undefined,
} as const;

function overridesOf({ connectTimeout }: RedisNodeOptions, retryStrategy: RetryDelay) {
  // ioredis's own default stands in the options of every client. Another value was chosen by the user.
  const isChosen = typeof connectTimeout === 'number' && connectTimeout !== IOREDIS_CONNECT_TIMEOUT_MS;
  return { ...OURS, retryStrategy, connectTimeout: isChosen ? connectTimeout : CONNECT_TIMEOUT_MS };
}

/**
 * When none of the sentinels named a master, ioredis would ask them again by itself, without an end that
 * could be told or a timer that could be stopped. So it is made to give up, and `RedisConnection` asks again.
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

/**
 * What a sentinel answers to SENTINEL MASTER about the group in the options; `undefined` if it does not
 * answer.
 */
export async function askSentinel(sentinel: object, options: RedisNodeOptions): Promise<unknown> {
  const { sentinelTLS } = options;
  const login = await new Credentials(options).read().catch(() => undefined);
  if (login === undefined) return undefined;
  const client = new Redis({
    port: 26_379,
    ...sentinel,
    ...(login.sentinelUsername === undefined ? {} : { username: login.sentinelUsername }),
    ...(login.sentinelPassword === undefined ? {} : { password: login.sentinelPassword }),
    ...(typeof sentinelTLS === 'object' && sentinelTLS !== null ? { tls: sentinelTLS } : {}),
    lazyConnect: true,
    retryStrategy: null,
    enableReadyCheck: false,
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
  } catch {
    return undefined;
  } finally {
    client.disconnect();
  }
}
