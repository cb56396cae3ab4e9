import { Redis } from 'ioredis';
import type { RedisLike, RedisNodeOptions } from '../../node-options.js';
import { RedisConnection, type Client, type Connection } from './redis-connection.js';
import { masterRunIdOf, sentinelGroupOf, sentinelOverrides, type SentinelGroup } from './sentinel.js';

export type { Connection } from './redis-connection.js';

/** A connection to be made, and what is known before it is. */
export interface Endpoint {
  /** Free of user and password. */
  readonly name: string;
  /** Where the server is: two nodes with the same address are the same server. */
  readonly address: string;
  /** The prefix that the user's client puts before its keys; it comes before our own. */
  readonly clientPrefix: string;
  /** Whether it keeps its data through a restart. */
  readonly durable: boolean;
  /** Whether another server may take its place: then it must say which one it is. */
  readonly failsOver: boolean;
  /** The run id of the server that is in that place now, where somebody else knows it. */
  readonly masterRunId?: () => Promise<string | undefined>;
  readonly open: (retryDelayMs: RetryDelay) => Connection;
}

/** A node that has answered nothing for so long is given up and connected to anew. */
const SILENCE_MS = 2_000;
const CONNECT_TIMEOUT_MS = 2_000;
const IOREDIS_CONNECT_TIMEOUT_MS = 10_000;

/**
 * What must hold on our own connection whatever the user's client does. ioredis by default keeps commands while offline
 * and sends unanswered ones again after a reconnect: a lock that was reported as failed would appear later, for nobody.
 * `maxRetriesPerRequest: 0` makes commands of a broken connection fail, which otherwise never settle.
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

type RetryDelay = (attempt: number) => number;

function overrides({ connectTimeout }: RedisNodeOptions, retryStrategy: RetryDelay) {
  // ioredis's own default stands in the options of every client; whoever chose another value gets it.
  const chosen = typeof connectTimeout === 'number' && connectTimeout !== IOREDIS_CONNECT_TIMEOUT_MS;
  return { ...OURS, retryStrategy, connectTimeout: chosen ? connectTimeout : CONNECT_TIMEOUT_MS };
}

/** What we do not know of the options goes to ioredis as it came, so its own type for them is too narrow. */
const NewClient: new (options: object) => Client = Redis;

const isClient = (source: object): source is RedisLike =>
  typeof (source as Partial<RedisLike>).duplicate === 'function';

/** Reads a url, options or a client. `where` names the entry in errors, which never show what it contains. */
export function endpointOf(source: string | RedisNodeOptions | RedisLike, where: string): Endpoint {
  if (typeof source === 'string') return endpointOfOptions(optionsOfUrl(source, where), where);
  if (isClient(source)) return endpointOfClient(source, where);
  return endpointOfOptions(source, where);
}

/** Reads a url; `where` as above. */
export function optionsOfUrl(url: string, where: string): RedisNodeOptions {
  if (url.startsWith('/')) return { path: url };
  // The url itself may hold a password, and so may the error of the parser; without slashes even what looks like a scheme.
  const parsed = URL.canParse(url) && /^[^:]+:\/\//.test(url) ? new URL(url) : undefined;
  if (parsed === undefined) {
    throw new TypeError(
      `${where} is no url; write redis://host:port, rediss://host:port or the path of a unix socket`,
    );
  }
  if (parsed.protocol !== 'redis:' && parsed.protocol !== 'rediss:') {
    throw new RangeError(`${where}: the url's scheme must be redis: or rediss:, got ${parsed.protocol}`);
  }
  if (parsed.hostname === '') throw new RangeError(`${where}: the url names no host`);
  if (!/^(\/\d*)?$/.test(parsed.pathname)) {
    throw new RangeError(`${where}: the path of the url must be the number of a database`);
  }
  // A password with ? or # in it, not encoded, would end up in the host's place, and the rest would be dropped.
  if (/[?#]/.test(url)) {
    throw new RangeError(
      `${where}: the url must have no ? and no #; write %3F and %23, and give ioredis's options as an object`,
    );
  }
  return {
    host: parsed.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: parsed.port === '' ? 6379 : Number(parsed.port),
    ...(parsed.username === '' ? {} : { username: decoded(parsed.username, where) }),
    ...(parsed.password === '' ? {} : { password: decoded(parsed.password, where) }),
    ...(parsed.pathname.length > 1 ? { db: Number(parsed.pathname.slice(1)) } : {}),
    ...(parsed.protocol === 'rediss:' ? { tls: {} } : {}),
  };
}

function decoded(text: string, where: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new TypeError(`${where}: a % in the url's user or password must be written %25`);
  }
}

function endpointOfOptions(source: RedisNodeOptions, where: string): Endpoint {
  const { durable = false, ...rest } = source;
  if (typeof durable !== 'boolean') throw new TypeError(`${where}: durable must be true or false`);
  const group = sentinelGroupOf(source, where);
  if (group !== undefined) {
    if (durable) {
      throw new RangeError(
        `${where}: durable must not be true with sentinels: a failover loses the last writes`,
      );
    }
    return endpointOfGroup(group, rest, where, (overridden) => new NewClient({ ...rest, ...overridden }));
  }
  const { name, ...options } = rest;
  if (name !== undefined && (typeof name !== 'string' || !/^[\x21-\x7e]{1,128}$/.test(name))) {
    throw new RangeError(`${where}: name must be 1 to 128 printable ASCII characters without spaces`);
  }
  if (name?.includes('://') === true && name.includes('@')) {
    throw new RangeError(`${where}: name must not be a url with a user or password: it is shown everywhere`);
  }
  checkDatabase(options, where);
  const { port } = options;
  if (port !== undefined && (!Number.isInteger(port) || port < 1 || port > 65_535)) {
    throw new RangeError(`${where}: port must be an integer from 1 to 65535, got ${String(port)}`);
  }
  const address = addressOf(options, where);
  return {
    name: name ?? address,
    address,
    clientPrefix: prefixOf(options),
    durable,
    failsOver: false,
    open: (retryDelayMs) =>
      redacted(new NewClient({ ...options, ...overrides(options, retryDelayMs) }), options),
  };
}

function checkDatabase({ db }: RedisNodeOptions, where: string): void {
  if (db !== undefined && (!Number.isInteger(db) || db < 0)) {
    throw new RangeError(`${where}: db must be an integer from 0, got ${String(db)}`);
  }
}

/** The master of a group, whichever server that is at the time. */
function endpointOfGroup(
  group: SentinelGroup,
  options: RedisNodeOptions,
  where: string,
  make: (overridden: object) => Client,
): Endpoint {
  checkDatabase(options, where);
  return {
    ...group,
    clientPrefix: prefixOf(options),
    durable: false,
    failsOver: true,
    masterRunId: () => masterRunIdOf(options),
    open: (retryDelayMs) =>
      redacted(
        make({ ...overrides(options, retryDelayMs), ...sentinelOverrides(options) }),
        options,
        retryDelayMs,
      ),
  };
}

function endpointOfClient(client: RedisLike, where: string): Endpoint {
  const { options } = client as { options: RedisNodeOptions };
  // A client that changed its database with SELECT is on another one than its options say.
  const selected = (client as { condition?: { select?: unknown } | null }).condition?.select;
  const db = typeof selected === 'number' ? { db: selected } : {};
  const duplicate = (overridden: object): Client => client.duplicate({ ...overridden, ...db }) as Client;
  const group = sentinelGroupOf(options, where);
  if (group !== undefined) return endpointOfGroup(group, options, where, duplicate);
  const address = addressOf(options, where);
  return {
    name: address,
    address,
    clientPrefix: prefixOf(options),
    durable: false,
    failsOver: false,
    open: (retryDelayMs) => redacted(duplicate(overrides(options, retryDelayMs)), options),
  };
}

const redacted = (
  client: Client,
  { password, sentinelPassword, tls }: RedisNodeOptions,
  askAgainMs?: RetryDelay,
): Connection =>
  new RedisConnection(client, {
    secrets: [password, sentinelPassword].filter((secret) => typeof secret === 'string'),
    tls: Boolean(tls),
    ...(askAgainMs === undefined ? {} : { askAgainMs }),
  });

/** The node's name unless it has another, so it must not hold a password: a url in the place of the host would. */
function addressOf({ path, host, port }: RedisNodeOptions, where: string): string {
  if (typeof path === 'string' && path !== '') {
    if (path.includes('://'))
      throw new RangeError(`${where}: path must be that of a unix socket, and no url`);
    return path;
  }
  if (!/^[\p{L}\p{N}_.:%-]+$/u.test(host ?? 'localhost')) {
    throw new RangeError(`${where}: host must be a name or an IP address, without scheme, user and port`);
  }
  return `${host ?? 'localhost'}:${port ?? 6379}`;
}

const prefixOf = (options: RedisNodeOptions): string =>
  typeof options['keyPrefix'] === 'string' ? options['keyPrefix'] : '';
