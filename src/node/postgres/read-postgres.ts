import type { NodePlan, PostgresNodeOptions } from '../node-options.js';
import { isPool } from './connections.js';
import { PostgresNode } from './postgres-node.js';
import type { PostgresPlace } from './postgres-place.js';
import { checkSchema, DEFAULT_SCHEMA } from './sql/migration.js';

const OPTIONS: ReadonlySet<string> = new Set(['postgres', 'schema', 'migrate', 'name', 'durable']);
const DEFAULT_PORT = 5432;

/** Reads `{ postgres: … }`. Errors never show what it contains. */
export function readPostgres(source: unknown, where: string): NodePlan | undefined {
  if (typeof source === 'string' && /^postgres(ql)?:/.test(source))
    throw new TypeError(`${where} is a connection string of PostgreSQL: give { postgres: '…' }`);
  if (typeof source !== 'object' || source === null || !('postgres' in source)) return undefined;
  const place = placeOf(source as PostgresNodeOptions, where);
  const { name, address } = place;
  return { name, address, identity: address, open: (settings) => new PostgresNode(place, settings) };
}

function placeOf(options: PostgresNodeOptions, where: string): PostgresPlace {
  const { postgres, schema = DEFAULT_SCHEMA, migrate = false, durable = false, name } = options;
  const unknown = Object.keys(options).find((option) => !OPTIONS.has(option));
  if (unknown !== undefined) throw new TypeError(`${where} has no option ${JSON.stringify(unknown)}`);
  checkSchema(schema, `${where}.schema`);
  for (const [option, value] of Object.entries({ migrate, durable }))
    if (typeof value !== 'boolean')
      throw new TypeError(`${where}.${option} must be true or false, got ${typeof value}`);
  if (name !== undefined && (typeof name !== 'string' || name === ''))
    throw new TypeError(`${where}.name must be a string that is not empty`);
  if (name?.includes('://') === true && name.includes('@'))
    throw new RangeError(`${where}.name must not be a url with a user or password: it is shown everywhere`);
  const source = sourceOf(postgres, where);
  const { server, secrets } = serverOf(source, where);
  const address = `postgres://${server}#${schema}`;
  return { name: name ?? server, address, source, schema, migrate, durable, secrets };
}

/** A node needs a connection for its votes, and one that listens. */
const FEWEST_CONNECTIONS = 2;

function sourceOf(postgres: unknown, where: string): object {
  if (typeof postgres === 'string') return { connectionString: postgres };
  if (typeof postgres === 'object' && postgres !== null && !Array.isArray(postgres)) {
    if ('escapeIdentifier' in postgres)
      throw new TypeError(`${where}.postgres is a client: give a pool, or what a pool is made of`);
    if (isPool(postgres)) checkSize(postgres, where);
    else if (!isOptions(postgres))
      throw new TypeError(`${where}.postgres is an object of another library: give a pool of pg`);
    return postgres;
  }
  const kind = postgres === null ? 'null' : Array.isArray(postgres) ? 'a list' : typeof postgres;
  throw new TypeError(
    `${where}.postgres must be a pool of pg, a connection string or the options of a pool, got ${kind}`,
  );
}

/** Options may be of a class. A client of another library has methods and none of these. */
const KNOWN = ['host', 'connectionString', 'user', 'database', 'port'];

const isOptions = (source: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(source);
  // An object without a class may come from another realm, as in a test of jest.
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null;
  return isPlain || KNOWN.some((option) => option in source);
};

function checkSize(pool: object, where: string): void {
  const { max } = ('options' in pool ? pool.options : {}) as { readonly max?: unknown };
  if (typeof max === 'number' && max < FEWEST_CONNECTIONS)
    throw new RangeError(
      `${where}.postgres is a pool of ${max} connection, and a node needs ${FEWEST_CONNECTIONS} free ones`,
    );
}

interface Settings {
  readonly connectionString?: unknown;
  readonly host?: unknown;
  readonly port?: unknown;
  readonly database?: unknown;
  readonly user?: unknown;
  readonly password?: unknown;
}

/** The server's name, and the parts of its address that no message may show. */
function serverOf(source: object, where: string): { readonly server: string; readonly secrets: string[] } {
  const settings: Settings = isPool(source) && 'options' in source ? (source.options as Settings) : source;
  const { connectionString, password } = settings;
  const secrets = typeof password === 'string' ? [password] : [];
  const told = typeof connectionString === 'string' ? readUrl(connectionString, where) : {};
  if (typeof told.password === 'string') secrets.push(told.password);
  const { PGHOST = 'localhost', PGPORT, PGDATABASE, PGUSER } = process.env;
  const host = textOf(told.host, settings.host, PGHOST);
  const port = textOf(told.port, settings.port, PGPORT, DEFAULT_PORT);
  const user = textOf(told.user, settings.user, PGUSER, '');
  const database = textOf(told.database, settings.database, PGDATABASE, user);
  const isKnown = connectionString !== undefined || !isPool(source) || 'options' in source;
  return { server: isKnown ? `${host}:${port}/${database}` : 'postgres', secrets };
}

const textOf = (...values: readonly unknown[]): string => {
  const isGiven = (value: unknown): value is string | number =>
    typeof value === 'number' || (typeof value === 'string' && value !== '');
  return String(values.find(isGiven) ?? '');
};

/** Reads a connection string, which may have the folder of a unix socket as the parameter `host`. */
function readUrl(text: string, where: string): Settings {
  if (!/^postgres(ql)?:\/\//.test(text))
    throw new TypeError(`${where}.postgres is no connection string: it must begin with postgres://`);
  const url = urlOf(text) ?? urlOf(text.replace('@/', '@localhost/'));
  if (url === undefined) throw new TypeError(`${where}.postgres is no connection string that can be read`);
  const { hostname, port, pathname, username, password, searchParams } = url;
  return {
    host: searchParams.get('host') ?? decoded(hostname),
    port: searchParams.get('port') ?? port,
    database: decoded(pathname.slice(1)),
    user: decoded(username),
    password: decoded(password),
  };
}

/** The error of URL shows the text. */
function urlOf(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
