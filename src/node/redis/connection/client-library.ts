import type { NodeRedisClusterLike, NodeRedisLike, RedisLike } from '../../node-options.js';

/** The parts by which clients of the libraries are recognized. No class is compared: there may be copies. */
interface AnyClient {
  readonly get?: unknown;
  readonly incr?: unknown;
  readonly then?: unknown;
  readonly duplicate?: unknown;
  readonly destroy?: unknown;
  /** ioredis has it: `wait`, `connecting`, `ready`. */
  readonly status?: unknown;
  /** node-redis has it since version 4. */
  readonly isOpen?: unknown;
  /** `createCluster()`, `createSentinel()` and `createClientPool()` of node-redis give one of these each. */
  readonly nodeClient?: unknown;
  readonly getMasterNode?: unknown;
  readonly totalClients?: unknown;
  /** node-redis 3 has it. */
  readonly connection_options?: unknown;
  /** Valkey GLIDE has it. */
  readonly customCommand?: unknown;
}

/** What node-redis 5 and 6 make, of whatever kind. Version 4 has no `destroy`. */
const isOfNodeRedis = ({ isOpen, destroy }: AnyClient): boolean =>
  typeof isOpen === 'boolean' && typeof destroy === 'function';

/** The result of `createClient()`. */
export function isNodeRedis(source: object): source is NodeRedisLike {
  const client = source as AnyClient;
  return isOfNodeRedis(client) && typeof client.duplicate === 'function' && !isOfSeveral(client);
}

/** The result of `createCluster()`. */
export function isNodeRedisCluster(source: object): source is NodeRedisClusterLike {
  const client = source as AnyClient;
  return isOfNodeRedis(client) && typeof client.nodeClient === 'function';
}

/** The result of `createCluster()`, `createSentinel()` or `createClientPool()`. */
const isOfSeveral = ({ nodeClient, getMasterNode, totalClients }: AnyClient): boolean =>
  [nodeClient, getMasterNode, totalClients].some((part) => part !== undefined);

export const isIoredis = (source: object): source is RedisLike => {
  const { duplicate, isOpen } = source as AnyClient;
  return typeof duplicate === 'function' && isOpen === undefined;
};

const INSTEAD =
  'give its url, ioredis options such as { host, port }, or a client of ioredis, iovalkey or node-redis';

/**
 * Throws a TypeError for what is neither a client of a library that is supported nor a plain object with
 * options. Such an object would be read as options without a host, and then the node would be a server at
 * localhost that nobody meant. `where` names the entry in the error.
 */
export function refuseOtherClients(source: object, where: string): void {
  const client = source as AnyClient;
  if (typeof client.then === 'function') {
    throw new TypeError(`${where} is a promise: await it before it becomes a node`);
  }
  if (isNodeRedis(source) || isNodeRedisCluster(source)) return;
  const isClient = typeof client.get === 'function' && typeof client.incr === 'function';
  if (isClient && typeof client.status !== 'string') {
    throw new TypeError(`${where} is ${describe(client)}, which is not supported: ${insteadOf(client)}`);
  }
  if (!isClient && typeof client.duplicate !== 'function' && !isOptions(source)) {
    throw new TypeError(`${where} is an object of the class ${classOf(source)}: ${INSTEAD}`);
  }
}

function insteadOf(client: AnyClient): string {
  if (typeof client.customCommand === 'function')
    return 'it has no duplicate, so give a function that makes one: { glide: () => …, host, port }';
  if (isOfNodeRedis(client) && client.getMasterNode !== undefined)
    return (
      'it keeps its options to itself, so give ' +
      '{ createClient, sentinel: the options of createSentinel() }'
    );
  return INSTEAD;
}

function describe(client: AnyClient): string {
  if (typeof client.customCommand === 'function') return 'a client of Valkey GLIDE';
  if (client.totalClients !== undefined) return 'a pool of the package redis (node-redis)';
  if (client.isOpen !== undefined || client.connection_options !== undefined) {
    return isOfNodeRedis(client)
      ? 'the result of createSentinel() of the package redis (node-redis)'
      : 'a client of the package redis (node-redis) before version 5';
  }
  return `an object with Redis commands (class ${classOf(client)}) of an unknown library`;
}

const PLACES = ['host', 'port', 'path', 'sentinels', 'cluster'];

/** A class may hold options, too, if it says where the server is. */
function isOptions(source: object): boolean {
  const prototype = Object.getPrototypeOf(source) as object | null;
  // An object literal of another realm has another Object.prototype, which has no prototype either.
  if (prototype === null || Object.getPrototypeOf(prototype) === null) return true;
  return PLACES.some((place) => Object.hasOwn(source, place));
}

const classOf = (source: object): string => {
  const name: unknown = (source.constructor as { readonly name?: unknown } | undefined)?.name;
  return typeof name === 'string' && /^[\w$]{1,40}$/.test(name) ? name : 'unknown';
};
