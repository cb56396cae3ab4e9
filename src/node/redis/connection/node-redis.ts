import type { NodeRedisLike, RedisNodeOptions } from '../../node-options.js';
import type { Command, ScriptCall } from '../protocol/script-call.js';
import { wordsOf } from './call-words.js';
import { CONNECT_TIMEOUT_MS, SILENCE_MS, type Connection, type RetryDelay } from './connection.js';
import { told } from './credentials.js';
import { closedHint, type RedactionRules } from './redaction.js';
import { SessionConnection } from './session-connection.js';
import type { OpenSession, Session, SessionAttempt } from './session.js';

/** The options of a client, as far as they are read. */
export interface NodeRedisOptions {
  readonly socket?: {
    readonly host?: string | undefined;
    readonly port?: number | undefined;
    readonly path?: string | undefined;
    readonly tls?: boolean | undefined;
    readonly connectTimeout?: number | undefined;
  };
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly credentialsProvider?:
    | {
        readonly type?: string | undefined;
        readonly credentials?: () => Promise<{
          readonly username?: string | undefined;
          readonly password?: string | undefined;
        }>;
      }
    | undefined;
  readonly database?: number | undefined;
  readonly RESP?: 2 | 3 | undefined;
  readonly keyPrefix?: unknown;
}

/** A client of our own, which connects once. */
interface Client {
  connect(): Promise<unknown>;
  destroy(): void;
  unref(): void;
  sendCommand(words: readonly string[]): Promise<unknown>;
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  once(event: 'connect' | 'ready', listener: () => void): unknown;
}

/**
 * What holds on our own connection, whatever the user's client does. A client of ours is never connected
 * twice, so the delay of its own strategy has no effect; `false` would keep it from being destroyed wholly.
 * The timeout of version 6, and that of maintenance, would end commands that were not sent yet, and no other.
 */
const OURS = {
  // It is in the other options already, and would be read again.
  url: undefined,
  disableOfflineQueue: true,
  commandOptions: { timeout: undefined },
  commandsQueueMaxLength: undefined,
  maintNotifications: 'disabled',
  clientSideCache: undefined,
  emitInvalidate: undefined,
  pingInterval: undefined,
  readonly: undefined,
} as const;

/** The address of a client's server, in the words of our own options. */
export function optionsOfClient({ options }: Pick<NodeRedisLike, 'options'>): RedisNodeOptions {
  const { socket, database, keyPrefix } = (options ?? {}) as NodeRedisOptions;
  return {
    ...(socket?.path === undefined ? { host: socket?.host, port: socket?.port } : { path: socket.path }),
    ...(database === undefined ? {} : { db: database }),
    ...(typeof keyPrefix === 'string' ? { keyPrefix } : {}),
  };
}

/** The source of a connection's clients. */
export interface NodeRedisPlace {
  /** Makes an unconnected client with these options. */
  readonly make: (options: object) => unknown;
  /** The user's options for it. Read at each connection. */
  readonly options: () => NodeRedisOptions | Promise<NodeRedisOptions>;
  readonly tls: boolean;
}

/** A connection by duplicates of the user's client. */
export function openNodeRedis(client: NodeRedisLike, retryDelayMs: RetryDelay): Connection {
  const options = (): NodeRedisOptions => client.options ?? {};
  const make = (ours: object): unknown => client.duplicate(ours);
  return openNodeRedisAt({ make, options, tls: options().socket?.tls === true }, retryDelayMs);
}

export function openNodeRedisAt(place: NodeRedisPlace, retryDelayMs: RetryDelay): Connection {
  const rules = { secrets: [], tls: place.tls };
  return new SessionConnection(nodeRedisSessions(place, rules), rules, retryDelayMs);
}

/** Opens sessions. The passwords that it reads become secrets of the rules. */
export function nodeRedisSessions(
  { make, options }: NodeRedisPlace,
  rules: RedactionRules & { readonly secrets: string[] },
): OpenSession {
  return async (attempt) => {
    const now = await options();
    const login = await loginOf(now, rules.secrets);
    const connectTimeout = now.socket?.connectTimeout ?? CONNECT_TIMEOUT_MS;
    const socket = { ...now.socket, connectTimeout, socketTimeout: undefined, reconnectStrategy: () => 0 };
    attempt.signal.throwIfAborted();
    const client = (await make({ ...now, ...OURS, RESP: now.RESP ?? 3, ...login, socket })) as Client;
    attempt.signal.throwIfAborted();
    await connected(client, attempt, connectTimeout + SILENCE_MS, rules);
    return new NodeRedisSession(client);
  };
}

class NodeRedisSession implements Session {
  constructor(private readonly client: Client) {}

  send(command: Command, call: ScriptCall): Promise<unknown> {
    return this.client.sendCommand(wordsOf(call, command));
  }

  call(words: readonly string[]): Promise<unknown> {
    return this.client.sendCommand(words);
  }

  subscribe(channel: string, onMessage: (message: string) => void): Promise<unknown> {
    return this.client.subscribe(channel, onMessage);
  }

  end(): void {
    destroy(this.client);
  }
}

/**
 * User and password for the next connection, read by ourselves, so that a provider that hangs is told and
 * errors can be cleaned of the password. A provider that streams them goes to the client, which logs in again
 * whenever it gives new ones.
 */
async function loginOf(options: NodeRedisOptions, secrets: string[]): Promise<object> {
  const { credentialsProvider: provider } = options;
  if (provider?.type === 'streaming-credentials-provider') return {};
  const { username, password } =
    provider?.credentials === undefined
      ? options
      : await told('credentialsProvider', async () => (await provider.credentials?.()) ?? {});
  if (password !== undefined && !secrets.includes(password)) secrets.push(password);
  const credentials = { username, password };
  return {
    username: undefined,
    password: undefined,
    credentialsProvider:
      username === undefined && password === undefined
        ? undefined
        : { type: 'async-credentials-provider', credentials: () => Promise.resolve(credentials) },
  };
}

/** Connects a client. Rejects by its first error, and after that time at the latest. */
function connected(
  client: Client,
  { signal, lost, wasReady }: SessionAttempt,
  limitMs: number,
  rules: RedactionRules,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let hasSocket = false;
    let isReady = false;
    const giveUp = (error: Error): void => {
      clearTimeout(limit);
      // Without a socket there is nothing to destroy yet, and the client would go on once there is one.
      if (hasSocket) destroy(client);
      else {
        client.unref();
        client.once('connect', () => destroy(client));
      }
      if (isReady) lost(error);
      else reject(error);
    };
    const limit = setTimeout(() => giveUp(new Error('the server did not answer in time')), limitMs);
    client.on('error', (error) => {
      destroy(client);
      giveUp(isReady ? error : meantBy(error, wasReady ? '' : closedHint(rules)));
    });
    client.once('connect', () => (hasSocket = true));
    client.once('ready', () => {
      clearTimeout(limit);
      isReady = true;
      resolve();
    });
    signal.addEventListener('abort', () => giveUp(new Error('the connection was ended')), { once: true });
    client
      .connect()
      .catch((error: unknown) => giveUp(error instanceof Error ? error : new Error(String(error))));
  });
}

/** Says what is wrong when a connection was never made and the words of its error do not say it. */
function meantBy(error: Error, hint: string): Error {
  if (error.message === 'Socket closed unexpectedly')
    return new Error(`the server closed the connection${hint}`);
  return /^ERR (DB index|invalid DB index|SELECT is not allowed)/.test(error.message)
    ? new Error(`its database could not be selected (${error.message})`)
    : error;
}

/** A client that is closed already throws. */
function destroy(client: Client): void {
  try {
    client.destroy();
  } catch {
    // There is nothing left to end.
  }
}
