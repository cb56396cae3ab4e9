import type { Clock } from '../../clock.js';
import type { PostgresClientLike, PostgresPoolLike } from '../node-options.js';
import { isMissing, misconfigurationOf, sqlStateOf } from './postgres-errors.js';

/** How long a new connection may take. */
const CONNECT_MS = 5_000;
/** How long a node waits for a connection of the user's pool, which may have to end work first. */
const FREE_MS = 1_000;
/**
 * A statement that has no answer after this is given up, with its connection. Every deadline is over by then,
 * so whatever the server still does of it writes nothing.
 */
const HUNG_MS = 10_000;
/** One for votes, and one for notifications. */
const OWN_CONNECTIONS = 2;

/** The connections of one node: those of the user's pool, or of a pool of its own. */
export class Connections {
  readonly #inUse = new Set<PostgresClientLike>();
  /**
   * An error of a connection that nobody hears ends the process. One that was released may still tell of its
   * end, so it is heard for ever.
   */
  readonly #heard = new WeakSet<PostgresClientLike>();
  #pool: Promise<PostgresPoolLike> | undefined;
  #own: { end(): Promise<void> } | undefined;
  #isClosed = false;

  constructor(
    private readonly source: PostgresPoolLike | object,
    private readonly clock: Clock,
  ) {}

  /** Takes a connection and does the work with it, which must be over soon, or the connection is closed. */
  async use<Result>(work: (client: PostgresClientLike) => Promise<Result>): Promise<Result> {
    const client = await this.take();
    let isBroken = false;
    try {
      const result = await this.#within(HUNG_MS, work(client), () => {
        isBroken = true;
        return new Error(`the database has not answered for ${HUNG_MS} ms`);
      });
      if (isInTransaction(client)) throw new Error(NOT_COMMITTED);
      return result;
    } catch (error) {
      isBroken ||= isOfConnection(error) || isInTransaction(client);
      throw error;
    } finally {
      this.release(client, isBroken);
    }
  }

  /** Takes a connection, which must be given back. */
  async take(): Promise<PostgresClientLike> {
    if (this.#isClosed) throw new Error('the node is closed');
    this.#pool ??= this.#open();
    const pool = await this.#pool;
    const taken = this.#connected(pool);
    let isLate = false;
    const limitMs = this.#own === undefined ? FREE_MS : CONNECT_MS;
    const client = await this.#within(limitMs, taken, () => {
      isLate = true;
      return new Error(
        this.#own === undefined
          ? `no connection of the pool became free within ${limitMs} ms: is the pool exhausted?`
          : `no connection within ${limitMs} ms`,
      );
    }).finally(() => {
      if (isLate) void taken.then((late) => late.release()).catch(() => undefined);
    });
    this.#inUse.add(client);
    if (this.#isClosed) {
      this.release(client, true);
      throw new Error('the node is closed');
    }
    return client;
  }

  /**
   * By a callback where the pool takes one, as that of `pg` does: it comes at once. Between a promise and
   * what follows on it, the end of a new connection would be an error that nobody hears.
   */
  #connected(pool: PostgresPoolLike): Promise<PostgresClientLike> {
    return new Promise((resolve, reject) => {
      const take = (client: PostgresClientLike | undefined): void => {
        if (!isClient(client)) {
          reject(new TypeError('its pool is none of pg: what connect() gave is no client'));
          return;
        }
        if (!this.#heard.has(client)) client.on('error', ignore);
        this.#heard.add(client);
        resolve(client);
      };
      const connect: Connect = pool.connect.bind(pool);
      // Under Jest the errors of Node are those of another context, and no `instanceof Error`.
      const promised = connect((error, client) => (error ? reject(error) : take(client)));
      promised?.then(take, reject);
    });
  }

  release(client: PostgresClientLike, isBroken: boolean): void {
    if (!this.#inUse.delete(client)) return;
    client.release(isBroken);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const client of [...this.#inUse]) this.release(client, true);
    await this.#own?.end().catch(ignore);
  }

  async #open(): Promise<PostgresPoolLike> {
    if (isPool(this.source)) return this.source;
    const pool = await openPool(this.source);
    this.#own = pool;
    if (this.#isClosed) await pool.end();
    return pool;
  }

  #within<Result>(ms: number, work: Promise<Result>, tooLate: () => Error): Promise<Result> {
    return new Promise((resolve, reject) => {
      const timer = this.clock.setTimer(() => reject(tooLate()), ms, 'background');
      work.then(resolve, reject).finally(() => timer.cancel());
    });
  }
}

const ignore = (): void => undefined;

const NOT_COMMITTED =
  'its pool gave a connection that is in the middle of a transaction, so nothing was committed: ' +
  'end each transaction before the connection is released';

/**
 * Whether a transaction is open, or has failed and was not rolled back. It is not ours: what we write in it
 * is seen by nobody until it ends, and may be taken back. `pg` tells it from 8.17 on.
 */
function isInTransaction(client: PostgresClientLike): boolean {
  const { getTransactionStatus } = client as { readonly getTransactionStatus?: () => unknown };
  const status = getTransactionStatus?.call(client);
  return status === 'T' || status === 'E';
}

/**
 * Whether another connection may fare better: this one has broken, is in a transaction that failed (25P02),
 * has settings of its own, or leads to a server whose name leads elsewhere by now, such as a standby.
 */
function isOfConnection(error: unknown): boolean {
  const state = sqlStateOf(error);
  return (
    state === undefined ||
    state === '25P02' ||
    isMissing(state) ||
    misconfigurationOf(error, '') !== undefined
  );
}

/** How the pool of `pg` gives a client; with a callback it gives no promise. */
type Connect = (
  callback: (error: Error | null | undefined, client?: PostgresClientLike) => void,
) => Promise<PostgresClientLike> | undefined;

const isClient = (client: PostgresClientLike | undefined): client is PostgresClientLike =>
  typeof (client as Partial<PostgresClientLike> | undefined)?.query === 'function' &&
  ['on', 'release'].every((name) => name in client!);

export const isPool = (source: object): source is PostgresPoolLike =>
  'connect' in source && typeof source.connect === 'function';

interface OwnPool extends PostgresPoolLike {
  on(event: 'error', listener: () => void): unknown;
  end(): Promise<void>;
}

interface PgModule {
  readonly Pool: new (options: object) => OwnPool;
}

/** Opens a pool of `pg`, which is loaded here and nowhere else. */
async function openPool(options: object): Promise<OwnPool> {
  const { Pool } = await loadPg();
  const pool = new Pool({
    application_name: 'quorlock',
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    allowExitOnIdle: true,
    ...options,
    max: OWN_CONNECTIONS,
  });
  // Without a listener, an idle connection that breaks would end the process.
  pool.on('error', ignore);
  return pool;
}

/**
 * A bundle is made without `pg` where it is not installed: bundlers only warn about an import that fails
 * inside `try`. The CommonJS build calls `require`, which gives the copy of the package that the
 * application's own `require` gives.
 */
async function loadPg(): Promise<PgModule> {
  let loaded: unknown;
  try {
    loaded = typeof require === 'function' ? (require('pg') as unknown) : await import('pg');
  } catch (cause) {
    throw new Error('the package "pg" cannot be loaded, which a Postgres node needs: npm install pg', {
      cause,
    });
  }
  const { default: whole, ...named } = loaded as Partial<PgModule> & { default?: Partial<PgModule> };
  return { ...whole, ...named } as PgModule;
}
