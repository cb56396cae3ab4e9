/** The parts by which clients of other libraries are recognized. */
interface AnyClient {
  readonly get?: unknown;
  readonly incr?: unknown;
  readonly then?: unknown;
  readonly duplicate?: unknown;
  /** Of ioredis: `wait`, `connecting`, `ready`. */
  readonly status?: unknown;
  /** Of node-redis, since version 4. */
  readonly isOpen?: unknown;
  /** Of node-redis 3. */
  readonly connection_options?: unknown;
  /** Of Valkey GLIDE. */
  readonly customCommand?: unknown;
}

const INSTEAD = 'give its url, ioredis options such as { host, port }, or an ioredis client';

/**
 * Throws a TypeError for what is neither a client of ioredis nor a plain object with options. Such an object
 * would be read as options without a host, and then the node would be a server at localhost that nobody
 * meant. `where` names the entry in the error.
 */
export function refuseOtherClients(source: object, where: string): void {
  const client = source as AnyClient;
  if (typeof client.then === 'function') {
    throw new TypeError(`${where} is a promise: await it before it becomes a node`);
  }
  const isClient = typeof client.get === 'function' && typeof client.incr === 'function';
  if (isClient && typeof client.status !== 'string') {
    throw new TypeError(`${where} is ${describe(client)}, which is not supported yet: ${INSTEAD}`);
  }
  if (!isClient && typeof client.duplicate !== 'function' && !isOptions(source)) {
    throw new TypeError(`${where} is an object of the class ${classOf(source)}: ${INSTEAD}`);
  }
}

function describe(client: AnyClient): string {
  if (typeof client.customCommand === 'function') return 'a client of Valkey GLIDE';
  if (client.isOpen !== undefined || client.connection_options !== undefined) {
    return 'a client of the package redis (node-redis)';
  }
  return `an object with Redis commands (class ${classOf(client)}) that is no client of ioredis`;
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
