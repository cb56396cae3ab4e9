import type {
  GlideNodeOptions,
  NodeRedisLike,
  NodeRedisSentinelOptions,
  RedisLike,
  RedisNodeOptions,
} from '../../node-options.js';
import type { Connection, RetryDelay } from './connection.js';
import { checkCredentials, withLiveCredentials } from './credentials.js';
import type { MakeClient } from './ioredis-connection.js';
import { askSentinel, clientOf, duplicateOf, openConnection, openSentinelConnection } from './ioredis.js';
import { isIoredis, isNodeRedis } from './client-library.js';
import { openNodeRedis, optionsOfClient } from './node-redis.js';
import { isNodeRedisSentinel, nodeRedisSentinelOf } from './node-redis-sentinel.js';
import { openGlide } from './glide.js';
import { masterRunIdOf, sentinelGroupOf, type SentinelGroup } from './sentinel.js';

/** The address of a server, and what is known of it before the first connection. */
export interface Endpoint {
  /** Free of user and password. */
  readonly name: string;
  /** Two nodes with the same address are the same server. */
  readonly address: string;
  /** The prefix that the user's client puts before its keys. It comes before our own. */
  readonly clientPrefix: string;
  /** Whether the server keeps its data through a restart. */
  readonly durable: boolean;
  /** Whether another server may take its place. Then each must say who it is. */
  readonly failsOver: boolean;
  /**
   * Whether the library may be connected to another process than before, and says nothing. Then each call
   * asks the server which run it is in.
   */
  readonly reconnectsUnseen?: boolean;
  /** The run id of the server that is in that place now, where somebody else knows it. */
  readonly masterRunId?: () => Promise<string | undefined>;
  readonly open: (retryDelayMs: RetryDelay) => Connection;
}

/** Reads a url, options or a client. `where` names the entry in errors, which never show what it contains. */
export function endpointOf(
  source: string | RedisNodeOptions | RedisLike | NodeRedisLike | NodeRedisSentinelOptions | GlideNodeOptions,
  where: string,
): Endpoint {
  if (typeof source === 'string') return endpointOfOptions(optionsOfUrl(source, where), where);
  if (isNodeRedis(source)) return endpointOfNodeRedis(source, where);
  if (isIoredis(source)) return endpointOfClient(source, where);
  if ('glide' in source) return endpointOfGlide(source as GlideNodeOptions, where);
  if (isNodeRedisSentinel(source)) return endpointOfNodeRedisSentinel(source, where);
  return endpointOfOptions(source, where);
}

/** Reads a url. `where`: see `endpointOf`. */
export function optionsOfUrl(url: string, where: string): RedisNodeOptions {
  if (url.startsWith('/')) return { path: url };
  // The url may hold a password, and so may the parser's error; without slashes even what looks like a
  // scheme.
  const parsed = URL.canParse(url) && /^[^:]+:\/\//.test(url) ? new URL(url) : undefined;
  if (/,\s*rediss?:\/\//.test(url) || parsed?.hostname.includes(','))
    throw new TypeError(`${where} has several servers in it: each node is an entry of its own`);
  if (parsed === undefined) {
    const hint = /^rediss?:\/\//.test(url)
      ? '; a port is a number up to 65535, and user and password are written as by encodeURIComponent()'
      : '';
    throw new TypeError(
      `${where} is no url; write redis://host:port, rediss://host:port or the path of a unix socket${hint}`,
    );
  }
  if (parsed.protocol !== 'redis:' && parsed.protocol !== 'rediss:') {
    throw new RangeError(`${where}: the url's scheme must be redis: or rediss:, got ${parsed.protocol}`);
  }
  if (parsed.hostname === '') throw new RangeError(`${where}: the url names no host`);
  if (!/^(\/\d*)?$/.test(parsed.pathname)) {
    throw new RangeError(`${where}: the path of the url must be the number of a database`);
  }
  const family = /^\?family=([046])$/.exec(parsed.search)?.[1];
  // An unencoded password with ? or # in it would end up as the host, and the rest would be dropped.
  if (/[?#]/.test(family === undefined ? url : url.slice(0, url.indexOf('?')) + parsed.hash)) {
    throw new RangeError(
      `${where}: the url must have no ? but for ?family=0, 4 or 6, and no #; write %3F and %23, and give ` +
        "ioredis's other options as an object",
    );
  }
  return {
    host: parsed.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: parsed.port === '' ? 6379 : Number(parsed.port),
    ...(parsed.username === '' ? {} : { username: decoded(parsed.username, where) }),
    ...(parsed.password === '' ? {} : { password: decoded(parsed.password, where) }),
    ...(parsed.pathname.length > 1 ? { db: Number(parsed.pathname.slice(1)) } : {}),
    ...(parsed.protocol === 'rediss:' ? { tls: {} } : {}),
    ...(family === undefined ? {} : { family: Number(family) }),
  };
}

function decoded(text: string, where: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new TypeError(`${where}: a % in the url's user or password must be written %25`);
  }
}

/**
 * How options of other libraries name the server. ioredis ignores these, so locks would be kept on localhost.
 */
const FOREIGN_PLACES = ['url', 'uri', 'socket', 'hostname', 'addresses', 'connectionString'];

function endpointOfOptions(source: RedisNodeOptions, where: string): Endpoint {
  const foreign = FOREIGN_PLACES.find((option) => source[option] !== undefined);
  if (foreign !== undefined)
    throw new TypeError(`${where}: ${foreign} is no option of a node: give a url itself, or host and port`);
  const { durable = false, ...rest } = source;
  if (typeof durable !== 'boolean') throw new TypeError(`${where}: durable must be true or false`);
  checkCredentials(source, where);
  const group = sentinelGroupOf(source, where);
  if (group !== undefined) {
    if (durable) {
      throw new RangeError(
        `${where}: durable must not be true with sentinels: a failover loses the last writes`,
      );
    }
    return endpointOfIoredisGroup(group, rest, where, clientOf(rest));
  }
  const { name, ...options } = rest;
  checkNodeName(name, where);
  checkDatabase(options, where);
  const { port } = options;
  if (port !== undefined && (!Number.isInteger(port) || port < 1 || port > 65_535)) {
    throw new RangeError(`${where}: port must be an integer from 1 to 65535, got ${numberOrKind(port)}`);
  }
  // ioredis would take localhost: each worker would lock on a server of its own, and none would notice.
  if (options.host === undefined && port === undefined && options.path === undefined)
    throw new TypeError(`${where}: the options name no server: give host, port or path`);
  const endpoint = endpointOfServer(options, where, clientOf(options));
  return { ...endpoint, name: name ?? endpoint.name, durable };
}

/** A node's name is shown everywhere. */
export function checkNodeName(name: unknown, where: string): void {
  if (name === undefined) return;
  if (typeof name !== 'string' || !/^[\x21-\x7e]{1,128}$/.test(name)) {
    throw new RangeError(`${where}: name must be 1 to 128 printable ASCII characters without spaces`);
  }
  if (name.includes('://') && name.includes('@')) {
    throw new RangeError(`${where}: name must not be a url with a user or password: it is shown everywhere`);
  }
}

function endpointOfClient(client: RedisLike, where: string): Endpoint {
  const options = withLiveCredentials(client.options as RedisNodeOptions);
  const group = sentinelGroupOf(options, where);
  return group === undefined
    ? endpointOfServer(options, where, duplicateOf(client))
    : endpointOfIoredisGroup(group, options, where, duplicateOf(client));
}

function endpointOfNodeRedis(client: NodeRedisLike, where: string): Endpoint {
  const options = optionsOfClient(client);
  checkDatabase(options, where);
  return endpointAt(options, where, (retryDelayMs) => openNodeRedis(client, retryDelayMs));
}

/** One server, by ioredis. */
const endpointOfServer = (options: RedisNodeOptions, where: string, make: MakeClient): Endpoint =>
  endpointAt(options, where, (retryDelayMs) => openConnection(make, options, retryDelayMs));

/** One server, at the address of the options. */
function endpointAt(options: RedisNodeOptions, where: string, open: Endpoint['open']): Endpoint {
  const address = addressOf(options, where);
  return {
    name: address,
    address,
    clientPrefix: prefixOf(options),
    durable: false,
    failsOver: false,
    open,
  };
}

const OF_GLIDE = ['glide', 'host', 'port', 'name', 'keyPrefix'];

function endpointOfGlide(source: GlideNodeOptions, where: string): Endpoint {
  const { glide, ...options } = source;
  if (typeof glide !== 'function')
    throw new TypeError(`${where}: glide must be a function that makes a client of Valkey GLIDE`);
  if (typeof options.host !== 'string')
    throw new TypeError(`${where}: glide needs host, and port: a client that is yet to be made has no name`);
  if ('durable' in options)
    throw new RangeError(`${where}: durable must not be given with glide, which may fail over unseen`);
  const other = Object.keys(options).find((name) => !OF_GLIDE.includes(name));
  if (other !== undefined)
    throw new TypeError(`${where}: ${other} must be given to the client that glide makes`);
  return {
    ...endpointOfOptions({ ...options }, where),
    // It goes on at another address of its own list, too.
    failsOver: true,
    reconnectsUnseen: true,
    open: (retryDelayMs) => openGlide(glide, retryDelayMs),
  };
}

function endpointOfNodeRedisSentinel(source: NodeRedisSentinelOptions, where: string): Endpoint {
  const { group, options, ...rest } = nodeRedisSentinelOf(source, where);
  return endpointOfGroup(group, options, where, rest);
}

function endpointOfIoredisGroup(
  group: SentinelGroup,
  options: RedisNodeOptions,
  where: string,
  make: MakeClient,
): Endpoint {
  return endpointOfGroup(group, options, where, {
    masterRunId: () =>
      masterRunIdOf(options.sentinels ?? [], (sentinel) => askSentinel(sentinel, options, make)),
    open: (retryDelayMs) => openSentinelConnection(make, options, retryDelayMs),
  });
}

/** The master of a group, whichever server that is at the time. */
function endpointOfGroup(
  group: SentinelGroup,
  options: RedisNodeOptions,
  where: string,
  library: Required<Pick<Endpoint, 'masterRunId' | 'open'>>,
): Endpoint {
  checkDatabase(options, where);
  return { ...group, clientPrefix: prefixOf(options), durable: false, failsOver: true, ...library };
}

/** A text may be a number of the environment, or hold a password: its kind says what is wrong with it. */
const numberOrKind = (value: unknown): string =>
  typeof value === 'number' ? String(value) : `a value of type ${typeof value}`;

function checkDatabase({ db }: RedisNodeOptions, where: string): void {
  if (db !== undefined && (!Number.isInteger(db) || db < 0)) {
    throw new RangeError(`${where}: db must be an integer from 0, got ${numberOrKind(db)}`);
  }
}

/** It is also the node's name, so it must not hold a password, as a url in the place of the host would. */
function addressOf({ path, host, port }: RedisNodeOptions, where: string): string {
  if (typeof path === 'string' && path !== '') {
    if (path.includes('://'))
      throw new RangeError(`${where}: path must be that of a unix socket, and no url`);
    return path;
  }
  // One colon is that of a port; an IPv6 address has two or more.
  if (!/^(?![^:]*:[^:]*$)[\p{L}\p{N}_.:%-]+$/u.test(host ?? 'localhost')) {
    throw new RangeError(`${where}: host must be a name or an IP address, without scheme, user and port`);
  }
  return `${host ?? 'localhost'}:${port ?? 6379}`;
}

const prefixOf = (options: RedisNodeOptions): string =>
  typeof options['keyPrefix'] === 'string' ? options['keyPrefix'] : '';
